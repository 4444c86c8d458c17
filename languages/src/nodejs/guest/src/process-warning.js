// Warnings, on standard error unless they are not wanted (NODE_NO_WARNINGS, process.noDeprecation).
import warning from 'internal/process/warning';

export const { emitWarning } = warning;
const isStack = (error) => typeof error.stack === 'string' && error.stack !== '';

export const listenForWarnings = (process, write) => process.on('warning', (error) => {
  if (!(error instanceof Error)) return;
  const isDeprecation = error.name === 'DeprecationWarning';
  if (process.env.NODE_NO_WARNINGS === '1' || (isDeprecation && process.noDeprecation)) return;
  const code = error.code ? `[${error.code}] ` : '';
  const shown = (isDeprecation ? process.traceDeprecation : process.traceProcessWarnings) && isStack(error) ? error.stack : `${error.name}: ${error.message}`;
  write(`(${process.release.name}:${process.pid}) ${code}${shown}\n${typeof error.detail === 'string' ? `${error.detail}\n` : ''}`);
});
