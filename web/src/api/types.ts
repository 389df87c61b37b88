// The nouns of the HTTP API under their own names; the types come from server/api/openapi.yaml.
import type { components, operations } from "./generated/schema";

type Schemas = components["schemas"];

export type AnswerState = Schemas["AnswerState"];
export type StateCode = Schemas["StateCode"];
export type AmendedChange = Schemas["AmendedChange"];
export type Answer = Schemas["Answer"];
export type Change = Schemas["Change"];
export type ChangeList = Schemas["ChangeList"];
export type Finding = Schemas["Finding"];
export type Incident = Schemas["Incident"];
export type Health = Schemas["Health"];
export type NewError = Schemas["NewError"];
export type Problem = Schemas["Problem"];
export type SeriesReply = Schemas["SeriesReply"];
export type ServiceList = Schemas["ServiceList"];
export type ServiceSummary = Schemas["ServiceSummary"];
export type Session = Schemas["Session"];
export type Status = Schemas["Status"];
export type Verdict = Schemas["Verdict"];
export type SeriesQuery = operations["getSeries"]["parameters"]["query"];
