// In place of @bytecodealliance/jco: componentize-js uses three functions of its 300 MB, and pvmigrate makes the
// component itself.
export const componentNew = async (module) => module;
export const metadataAdd = async (module) => module;
export const preview1AdapterReactorPath = () => new URL(import.meta.url);
