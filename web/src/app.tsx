import { useEffect, useRef } from "preact/hooks";
import type { JSX } from "preact";

import { route } from "./models/route";
import { askSession } from "./models/session";
import { ChangesPage } from "./pages/ChangesPage";
import { MissingPage } from "./pages/MessagePage";
import { ServicePage } from "./pages/ServicePage";
import { ServicesPage } from "./pages/ServicesPage";

export function App(): JSX.Element {
  const at = route.value;
  const first = useRef(true);
  useEffect(() => void askSession(), []);
  // After moving inside the page, reading goes on at the new heading.
  useEffect(() => {
    if (!first.current) document.querySelector<HTMLElement>("h1")?.focus();
    first.current = false;
  }, [at]);
  switch (at.page) {
    case "services":
      return <ServicesPage />;
    case "service":
      return <ServicePage key={`${at.service}/${at.environment}`} service={at.service} environment={at.environment} />;
    case "changes":
      return <ChangesPage key={`${at.service}/${at.environment}`} service={at.service} environment={at.environment} />;
    case "missing":
      return <MissingPage />;
  }
}
