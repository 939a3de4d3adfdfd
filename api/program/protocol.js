/**
 * The messages between who runs a program and the worker or process it runs in.
 *
 * @typedef {object} StartOrder
 * @property {string} url of the program's JavaScript; on Node a file: URL
 * @property {string} name argv[0]
 * @property {string[]} args
 * @property {Record<string, string>} env
 * @property {Mount[]} mounts
 * @property {string} directory where the program starts
 * @property {boolean} stdin whether {stdin} messages answer {pull}
 * @property {boolean} anySockets as of checkProgram
 * @property {boolean} [allowed] false: the app's policy has no Direct Sockets, which only its page can know
 *
 * @typedef {{at: string, readOnly: boolean, entries: MountEntry[]}} Mount
 * @typedef {{type: 'directory', path: string} | {type: 'link', path: string, target: string}
 *   | {type: 'file', path: string, mode: number, mtime: number, data?: Uint8Array, url?: string}} MountEntry
 *   as an Entry of program-files.js; `data`, or a `url` that has it
 *
 * @typedef {{start: StartOrder} | {stdin: Uint8Array | null} | {save: true}} Order `save` asks for what the program
 *   changed in its files, because it will be ended
 *
 * @typedef {{exit: number} | {failed: string, code: number, stack?: string, reason?: string}} End as a ProgramMessage
 * @typedef {{stream: 'stdout' | 'stderr', bytes: Uint8Array} | {pull: true}
 *   | {change: import('./program-files.js').Change} | {saved: true} | {warning: string} | End} News `pull` asks for a
 *   chunk of standard input; an End is the last
 */
export {};
