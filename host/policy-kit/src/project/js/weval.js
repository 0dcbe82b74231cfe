// In place of @bytecodealliance/weval, which componentize-js asks for only to compile ahead of time.
export default () => {
  throw new Error('weval is not installed');
};
