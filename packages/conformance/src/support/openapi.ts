const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

interface Document {
  servers?: { url: string }[];
  paths: Record<string, Record<string, unknown>>;
}

export interface Operation {
  /** As in the document: "/api/screens/{id}". */
  template: string;
  method: string;
  /** With every parameter filled by something that does not exist. */
  path: string;
}

/** Every operation of an OpenAPI document. */
export function operations(document: unknown): Operation[] {
  const { paths, servers } = document as Document;
  const base = (servers?.[0]?.url ?? '').replace(/^https?:\/\/[^/]+/, '').replace(/\/$/, '');
  return Object.entries(paths).flatMap(([template, operationsOf]) =>
    Object.keys(operationsOf)
      .filter((method) => METHODS.includes(method))
      .map((method) => ({
        template,
        method: method.toUpperCase(),
        path: `${base}${template.replace(/\{[^}]+\}/g, '00000000-0000-4000-8000-000000000000')}`,
      })),
  );
}
