// The engine is one, but modules that ask are to think that they run.
export const namespace = { addSerializeCallback() {}, addDeserializeCallback() {}, addAfterUserSerializeDeserializeSnapshot() {}, isBuildingSnapshot: () => false };
export const { addSerializeCallback, addDeserializeCallback, addAfterUserSerializeDeserializeSnapshot, isBuildingSnapshot } = namespace;
