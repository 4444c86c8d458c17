// Files of variables as Node reads them (https://nodejs.org/api/environment_variables.html#env-files).
const LINE = /^[ \t]*(?:export[ \t]+)?([\w.-]+)[ \t]*=[ \t]*('[^']*'|"[^"]*"|`[^`]*`|[^\n\r#]*)/gm;

export function parseEnv(text) {
  const found = {};
  for (const [, name, value] of text.replace(/^\ufeff/, '').matchAll(LINE)) {
    const quote = /^(['"`])([^]*)\1$/.exec(value);
    if (!quote) found[name] = value.trim();
    else found[name] = quote[1] === '"' ? quote[2].replace(/\\n/g, '\n') : quote[2];
  }
  return found;
}

// What is set already stays.
export function load(env, text) {
  for (const [name, value] of Object.entries(parseEnv(text))) if (!(name in env)) env[name] = value;
}
