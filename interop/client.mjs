/**
 * What a client of the matrix is: an adapter of somebody else's program to the cases. Types, and the list of them.
 */

import { aioquic } from './clients/aioquic.mjs';
import { chromium } from './clients/chromium.mjs';
import { curl } from './clients/curl.mjs';
import { quinn } from './clients/quinn.mjs';

/**
 * What to do, once.
 * @typedef {object} Task
 * @property {string} kind what is exchanged: the case's name, but one name for cases that differ in amounts and network
 * @property {import('./target.mjs').Target} target where
 * @property {number} bytes to transfer
 * @property {string} sha256 of the first `bytes` bytes of /bytes/N's stream
 * @property {number} count of connections
 * @property {number} limit milliseconds
 */

/** Rejects with what went otherwise than it should. @typedef {(task: Task) => Promise<void>} Attempt */

/**
 * @typedef {object} Client
 * @property {string} name
 * @property {string} about
 * @property {Record<string, string>} notOffered the cases that it can't do, and why
 * @property {() => Promise<string>} version of it and what matters in it
 * @property {() => Promise<{attempt: Attempt, close: () => Promise<void>}>} open makes it ready for many tasks
 */

/** @type {Client[]} */
export const CLIENTS = [curl, aioquic, quinn, chromium];

/** Cases that are a plain transfer for the client: what is special is the network or the server. */
const TRANSFERS = ['transfer', 'transfer-64m', 'loss', 'retry'];

/** @param {string} name of a case */
export const kindOf = (name) => (TRANSFERS.includes(name) ? 'transfer' : name);
