// The shape of a state. Decorative: the word always stands beside it.
import type { JSX } from "preact";

import type { Shape } from "../models/states";

const SHAPES: Record<Shape, JSX.Element> = {
  check: (
    <>
      <circle cx="12" cy="12" r="11" class="fill" />
      <path d="M6.8 12.4l3.6 3.7 6.8-7.8" class="cut" />
    </>
  ),
  triangle: (
    <>
      <path d="M12 1.5L23.4 21.6a.9.9 0 0 1-.8 1.4H1.4a.9.9 0 0 1-.8-1.4z" class="fill" />
      <path d="M12 9v6M12 18.2v1.2" class="cut" />
    </>
  ),
  cross: (
    <>
      <path d="M7.4 1h9.2L23 7.4v9.2L16.6 23H7.4L1 16.6V7.4z" class="fill" />
      <path d="M8 8l8 8M16 8l-8 8" class="cut" />
    </>
  ),
  hollow: (
    <>
      <circle cx="12" cy="12" r="10" class="line dashed" />
      <path d="M7.5 12h9" class="line" />
    </>
  ),
  diamond: <path d="M12 0.8L23.2 12 12 23.2 0.8 12z" class="fill" />,
  hollow_diamond: <path d="M12 2.4L21.6 12 12 21.6 2.4 12z" class="line" />,
  hourglass: <path d="M5 2h14M5 22h14M6.5 2.5c0 6 3.5 6.5 3.5 9.5s-3.5 3.5-3.5 9.5M17.5 2.5c0 6-3.5 6.5-3.5 9.5s3.5 3.5 3.5 9.5" class="line" />,
  dots: (
    <>
      <circle cx="4" cy="12" r="3" class="fill" />
      <circle cx="12" cy="12" r="3" class="fill" />
      <circle cx="20" cy="12" r="3" class="fill" />
    </>
  ),
  slash: (
    <>
      <circle cx="12" cy="12" r="10" class="line" />
      <path d="M5.2 18.8L18.8 5.2" class="line" />
    </>
  ),
};

export function StateMark({ shape }: { shape: Shape }): JSX.Element {
  return (
    <svg class={`mark mark-${shape}`} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      {SHAPES[shape]}
    </svg>
  );
}
