import { notThere } from '../../../../../arguments.js';
export function getOrInitializeCascadedLoader() { throw notThere('a reporter or mock that is loaded by its name'); }
