import type { ComponentChildren, JSX } from "preact";

import { LogOutButton } from "./LogOutButton";

export function PageHeader({ children, aside }: { children?: ComponentChildren; aside?: ComponentChildren }): JSX.Element {
  return (
    <header class="page-head">
      <a class="brand" href="/" aria-label="Fieldmark, all services">
        <svg viewBox="0 0 24 24" aria-hidden="true" focusable="false">
          <path d="M5 22V3h13l-3 4.5 3 4.5H5" />
        </svg>
        <span>Fieldmark</span>
      </a>
      {children}
      <div class="page-head-aside">
        {aside}
        <LogOutButton />
      </div>
    </header>
  );
}
