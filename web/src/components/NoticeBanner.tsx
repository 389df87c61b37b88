// Says what is wrong with the server itself, and what of a service was not recorded: what is shown may lack it.
import type { JSX } from "preact";

export function NoticeBanner({ notices }: { notices: string[] }): JSX.Element | null {
  if (notices.length === 0) return null;
  return (
    <div class="away-banner" role="alert">
      {notices.map((notice) => (
        <p key={notice}>
          <span aria-hidden="true">⚠ </span>
          {notice}
        </p>
      ))}
    </div>
  );
}
