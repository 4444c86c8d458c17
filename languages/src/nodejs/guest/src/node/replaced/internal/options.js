// No option of node's is set.
const VALUES = { '--stack-trace-limit': 10, '--network-family-autoselection-attempt-timeout': 250 };
const LISTS = ['--test-reporter', '--test-reporter-destination', '--test-name-pattern'];
export const getOptionValue = (name) => VALUES[name] ?? (LISTS.includes(name) ? [] : undefined);
export const getEmbedderOptions = () => ({});
export const getAllowUnauthorized = () => process.env.NODE_TLS_REJECT_UNAUTHORIZED === '0';
export const refreshOptions = () => {};
