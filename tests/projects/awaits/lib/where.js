import { basename } from 'node:path';

const own = await import.meta.url;
export const where = () => basename(own);
