export { File } from '../../../fetch-types.js';
