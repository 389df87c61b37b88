import type { ComponentChildren, JSX } from "preact";

import { PageHeader } from "../components/PageHeader";

export function Message({ title, children }: { title: string; children: ComponentChildren }): JSX.Element {
  return (
    <section class="message">
      <h1 tabIndex={-1}>{title}</h1>
      {children}
    </section>
  );
}

export function MissingPage(): JSX.Element {
  return (
    <div class="page">
      <PageHeader />
      <main>
        <Message title="No such page">
          <p>Nothing is served at this address.</p>
          <p>
            <a href="/">See the services</a>
          </p>
        </Message>
      </main>
    </div>
  );
}
