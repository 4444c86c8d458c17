// Where errors go that nobody catches.
import { uncaughtNow } from '../../loop.js';

export const errors = {
  setPrepareStackTraceCallback() {},
  setGetSourceMapErrorSource() {},
  setSourceMapsEnabled() {},
  setMaybeCacheGeneratedSourceMap() {},
  setEnhanceStackForFatalException() {},
  noSideEffectsToString: (value) => String(value),
  triggerUncaughtException: (error) => uncaughtNow(error),
  exitCodes: { kNoFailure: 0, kGenericUserError: 1, kInternalJSParseError: 3, kInternalJSEvaluationFailure: 4, kV8FatalError: 5, kInvalidFatalExceptionMonkeyPatching: 6, kExceptionInFatalExceptionHandler: 7, kUnsettledTopLevelAwait: 13, kInvalidCommandLineArgument: 9, kBootstrapFailure: 10, kInvalidCommandLineArgument2: 12, kStartupSnapshotFailure: 14, kAbort: 134 },
};
