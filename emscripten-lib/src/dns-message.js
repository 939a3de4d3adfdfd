// DNS messages (RFC 1035): a question for the addresses of a name, and what can be learned from an answer. It knows no
// transport and trusts no byte of an answer.

export const TYPE_A = 1;
export const TYPE_AAAA = 28;
const TYPE_CNAME = 5;
const CLASS_IN = 1;

export const RCODE_NXDOMAIN = 3;
export const RCODE_SERVFAIL = 2;
export const RCODE_REFUSED = 5;

const DNS_HEADER = 12;
const DOMAIN_MAX = 255;
const LABEL_MAX = 63;

const FLAG_RESPONSE = 0x8000;
const FLAG_TRUNCATED = 0x0200;
const FLAG_RECURSION_DESIRED = 0x0100;
const OPCODE = 0x7800;

/** @typedef {{ id: number, name: string, type: number }} Question */

/**
 * @typedef {object} Answer
 * @property {boolean} truncated to be asked for again over TCP
 * @property {number} rcode
 * @property {Uint8Array[]} addresses 4 or 16 bytes each
 * @property {string} canonname the end of the chain of aliases, as far as this answer goes
 */

/**
 * @param {Question} question
 * @returns {Uint8Array<ArrayBuffer> | undefined} undefined: no DNS message can carry this name
 */
export function encodeQuestion({ id, name, type }) {
  const labels = name.replace(/\.$/, '').split('.').map((label) => new TextEncoder().encode(label));
  const length = labels.reduce((sum, label) => sum + 1 + label.length, 1);
  if (length > DOMAIN_MAX || labels.some((label) => label.length === 0 || label.length > LABEL_MAX)) return undefined;
  const message = new Uint8Array(DNS_HEADER + length + 4);
  const view = new DataView(message.buffer);
  view.setUint16(0, id);
  view.setUint16(2, FLAG_RECURSION_DESIRED);
  view.setUint16(4, 1);
  let offset = DNS_HEADER;
  for (const label of labels) {
    message[offset] = label.length;
    message.set(label, offset + 1);
    offset += 1 + label.length;
  }
  view.setUint16(offset + 1, type);
  view.setUint16(offset + 3, CLASS_IN);
  return message;
}

/**
 * @param {Uint8Array} message
 * @param {Question} question what was asked
 * @returns {Answer | undefined} undefined: the answer to another question, or none
 * @throws {RangeError} the answer is damaged
 */
export function decodeAnswer(message, question) {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  if (message.length < DNS_HEADER || view.getUint16(0) !== question.id) return undefined;
  const flags = view.getUint16(2);
  if (!(flags & FLAG_RESPONSE) || flags & OPCODE) return undefined;
  const rcode = flags & 0xf;
  // A server that could not read the question need not repeat it.
  if (view.getUint16(4) === 0 && rcode !== 0) return { truncated: false, rcode, addresses: [], canonname: question.name };
  if (view.getUint16(4) !== 1) return undefined;
  const asked = readName(message, DNS_HEADER);
  if (asked.name !== plain(question.name) || view.getUint16(asked.end) !== question.type ||
    view.getUint16(asked.end + 2) !== CLASS_IN) return undefined;
  const truncated = (flags & FLAG_TRUNCATED) !== 0;
  // What a truncated answer holds is asked for again.
  if (truncated) return { truncated, rcode, addresses: [], canonname: asked.name };

  /** @type {Map<string, string>} */
  const aliases = new Map();
  /** @type {{ owner: string, address: Uint8Array }[]} */
  const found = [];
  let offset = asked.end + 4;
  for (let left = view.getUint16(6); left > 0; left--) {
    const owner = readName(message, offset);
    const type = view.getUint16(owner.end);
    const internet = view.getUint16(owner.end + 2) === CLASS_IN;
    const start = owner.end + 10;
    const end = start + view.getUint16(owner.end + 8);
    if (end > message.length) throw new RangeError('a record goes beyond the message');
    if (internet && type === TYPE_CNAME) aliases.set(owner.name, readName(message, start).name);
    if (internet && type === question.type) {
      const address = message.slice(start, end);
      if (address.length !== (type === TYPE_A ? 4 : 16)) throw new RangeError('an address of a wrong length');
      found.push({ owner: owner.name, address });
    }
    offset = end;
  }
  let canonname = asked.name;
  for (let steps = aliases.size; steps > 0 && aliases.has(canonname); steps--) canonname = String(aliases.get(canonname));
  const addresses = found.filter(({ owner }) => owner === canonname).map(({ address }) => address);
  return { truncated, rcode, addresses, canonname };
}

/** @param {string} name as names are compared: RFC 4343 */
function plain(name) {
  return name.replace(/\.$/, '').toLowerCase();
}

/**
 * @param {Uint8Array} message
 * @param {number} start
 * @returns {{ name: string, end: number }} in lower case, and where it ends at the place it stands
 */
function readName(message, start) {
  const labels = [];
  let end = 0;
  let length = 1;
  // A pointer may only lead further back (RFC 1035, 4.1.4: "a prior occurrence"), so there is no way in circles; and no
  // name has more steps than the message has bytes.
  for (let offset = start, limit = start, left = message.length; left > 0; left--) {
    const size = message[offset];
    if (size === undefined) throw new RangeError('a name goes beyond the message');
    if (size >= 0xc0) {
      const target = ((size & 0x3f) << 8) | message[offset + 1];
      end ||= offset + 2;
      if (!(target < limit)) throw new RangeError('a name points forward');
      offset = limit = target;
      continue;
    }
    if (size > LABEL_MAX) throw new RangeError('an unknown kind of label');
    if (size === 0) return { name: labels.join('.'), end: end || offset + 1 };
    length += 1 + size;
    if (length > DOMAIN_MAX || offset + 1 + size > message.length) throw new RangeError('a name is too long');
    const label = new TextDecoder().decode(message.slice(offset + 1, offset + 1 + size));
    if (label.includes('.')) throw new RangeError('a dot in a label');
    labels.push(label.toLowerCase());
    offset += 1 + size;
  }
  throw new RangeError('a name without end');
}
