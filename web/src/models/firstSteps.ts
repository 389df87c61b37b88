// What to type so that a first service appears.
export interface StartUpLines {
  importLine: string;
  oneLine: string;
  address: string;
  settings: string;
}

export function startUpLines(origin: string): StartUpLines {
  return {
    importLine: "from fieldmark import FieldmarkMiddleware",
    oneLine: "app.add_middleware(FieldmarkMiddleware)",
    address: origin,
    settings: `FIELDMARK_URL=${origin} FIELDMARK_SERVICE=orders uvicorn main:app`,
  };
}
