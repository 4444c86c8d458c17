// Files of tests are run by node in processes of their own.
import { notThere } from '../../../../arguments.js';
export function run() { throw notThere('test.run'); }
