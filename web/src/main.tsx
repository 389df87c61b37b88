import { render } from "preact";

import { App } from "./app";
import { startTicking } from "./models/clock";
import { followAddress } from "./models/route";
import "./styles/page.css";

const root = document.getElementById("page");
if (!root) throw new Error("index.html has no element with the id page");
followAddress();
startTicking();
render(<App />, root);
