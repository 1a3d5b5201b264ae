const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

interface Document {
  servers?: { url: string }[];
  paths: Record<string, Record<string, { description?: string; responses: object }>>;
}

export interface Operation {
  /** As in the document: "/api/screens/{id}". */
  template: string;
  method: string;
  /** With every parameter filled by something that does not exist. */
  path: string;
  /** What it says that it may answer. */
  statuses: number[];
  /** The codes of its failures. */
  codes: string[];
}

/** Every operation of an OpenAPI document. */
export function operations(document: unknown): Operation[] {
  const { paths, servers } = document as Document;
  const base = (servers?.[0]?.url ?? '').replace(/^https?:\/\/[^/]+/, '').replace(/\/$/, '');
  return Object.entries(paths).flatMap(([template, operationsOf]) =>
    Object.entries(operationsOf)
      .filter(([method]) => METHODS.includes(method))
      .map(([method, { description = '', responses }]) => ({
        template,
        method: method.toUpperCase(),
        path: `${base}${template.replace(/\{[^}]+\}/g, '00000000-0000-4000-8000-000000000000')}`,
        statuses: Object.keys(responses).map(Number),
        codes: /Errors: ([A-Z_, ]+)\.$/.exec(description)?.[1]?.split(', ') ?? [],
      })),
  );
}
