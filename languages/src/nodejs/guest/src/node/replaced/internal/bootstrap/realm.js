// Which modules a program can ask for.
const names = new Set();
export const offer = (all) => {
  for (const name of all) names.add(name);
};
const SCHEMED = ['sea', 'sqlite', 'test', 'test/reporters'];
export const BuiltinModule = {
  exists: (name) => names.has(name) || name.startsWith('internal/'),
  canBeRequiredByUsers: (name) => names.has(name),
  canBeRequiredByUsersWithoutScheme: (name) => names.has(name) && !SCHEMED.includes(name),
  canBeRequiredWithoutScheme: (name) => names.has(name) && !SCHEMED.includes(name),
  normalizeRequirableId(id) {
    if (id.startsWith('node:')) id = id.slice(5);
    return names.has(id) ? id : undefined;
  },
  getSchemeOnlyModuleNames: () => SCHEMED,
  isBuiltin: (id) => BuiltinModule.normalizeRequirableId(id) !== undefined,
};
