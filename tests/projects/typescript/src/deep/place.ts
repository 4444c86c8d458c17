// Types are gone from the bundle, so its lines are others than these.
type Place = {
  name: string;
  folder: string;
};

export const place = (): string[] => [import.meta.url, import.meta.dirname];

export function fail(): never {
  const here: Place = { name: 'place.ts', folder: 'deep' };
  throw new TypeError(`thrown in ${here.folder}/${here.name}`);
}
