// node's own permissions, which nobody has turned on: a guest has wasmrun's.
export const isEnabled = () => false;
export const has = () => true;
