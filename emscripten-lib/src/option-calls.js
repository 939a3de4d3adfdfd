// getsockopt() and setsockopt(): values out of and into the program's memory, in the C types that options.js gives each.
import { EFAULT, EINVAL, ENOPROTOOPT } from './abi.js';
import { guarded } from './guarded.js';
import { SOCKADDR_STORAGE } from './memory.js';
import { findOption } from './options.js';

/** struct timeval */
const TIMEVAL_SIZE = 16;
/** struct linger */
const LINGER_SIZE = 8;
/** What is read of a structure at most: struct group_req with 64-bit pointers. */
const STRUCT_MAX = 8 + SOCKADDR_STORAGE;

/**
 * @param {object} parts
 * @param {import('./memory.js').Memory} parts.memory
 * @param {ReturnType<typeof import('./descriptors.js').makeDescriptors>} parts.descriptors
 * @param {(socket: import('./descriptors.js').Socket, attempt: () => number) => number | Promise<number>} parts.complete
 *   waits for what the browser alone knows
 */
export function makeOptionCalls({ memory, descriptors, complete }) {
  const { access } = memory;
  return {
    getsockopt: guarded((/** @type {number} */ fd, /** @type {number} */ level, /** @type {number} */ optname,
      /** @type {number} */ pointer, /** @type {number} */ lengthPointer) => {
      const { node: { socket } } = descriptors.get(fd);
      memory.check(lengthPointer, 4);
      const room = access.readI32(lengthPointer);
      if (room < 0) throw EINVAL;
      const option = findOption(socket, level, optname);
      if (!option.get) throw ENOPROTOOPT;
      let size = Math.min(option.time ? TIMEVAL_SIZE : option.pair ? LINGER_SIZE : 4, room);
      memory.check(pointer, size);
      if (option.time) {
        const { seconds, microseconds } = option.get(socket);
        const timeval = new Uint8Array(new BigInt64Array([BigInt(seconds), BigInt(microseconds)]).buffer);
        access.bytes().set(timeval.subarray(0, size), pointer);
      } else {
        const values = option.pair ? option.get(socket) : [option.get(socket)];
        if (option.byte && size < 4) size = Math.min(size, 1);
        for (let i = 0; i < size; i++) access.bytes()[pointer + i] = values[i >> 2] >> (8 * (i & 3));
      }
      access.writeI32(lengthPointer, size);
      return 0;
    }),

    setsockopt: guarded((/** @type {number} */ fd, /** @type {number} */ level, /** @type {number} */ optname,
      /** @type {number} */ pointer, /** @type {number} */ length) => {
      const { node: { socket } } = descriptors.get(fd);
      const option = findOption(socket, level, optname);
      if (!option.set) throw ENOPROTOOPT;
      const size = option.time ? TIMEVAL_SIZE : option.pair ? LINGER_SIZE : option.byte || option.read ? 1 : 4;
      if (length < size) throw EINVAL;
      if (pointer === 0) throw EFAULT;
      memory.check(pointer, option.read ? Math.min(length, STRUCT_MAX) : size);
      if (option.time) {
        option.set(socket, { seconds: access.readI64(pointer), microseconds: access.readI32(pointer + 8) });
        return 0;
      }
      if (option.pair) {
        option.set(socket, [access.readI32(pointer), access.readI32(pointer + 4)]);
        return 0;
      }
      const value = option.read ? option.read(memory, pointer, length)
        : option.byte && length < 4 ? access.bytes()[pointer] : access.readI32(pointer);
      const attempt = option.set(socket, value);
      return attempt ? complete(socket, attempt) : 0;
    }),
  };
}
