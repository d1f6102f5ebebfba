/**
 * Node's HTTP. Whoever imports all of `node:http` has its getters read, of which one loads fetch and WebSockets: a sixth of
 * the time in which a process starts.
 */
export const http = process.getBuiltinModule('node:http')
