// What a UDP socket wants of multicast: hops, loop and groups, and how each is asked of a UDPSocket. Hops and loop are
// fixed when one is made, groups are joined afterwards; a socket that is opened again needs all three again. It knows no
// socket options and no POSIX but errnos. Seen with Chromium 156: it joins on the interface of the system's route to the
// group, and takes no heed of `sourceAddress`.
import { EACCES, ENODEV } from './abi.js';
import { describe } from './browser-errors.js';

export const MULTICAST_POLICY = 'Chrome allows multicast to apps that have "direct-sockets-multicast" in ' +
  'permissions_policy in their manifest: add it';

export class Multicast {
  /** @param {(text: string) => void} explain one line on the console in debug builds */
  constructor(explain) {
    this.explain = explain;
    /** Linux's defaults, and the browser's. */
    this.hops = 1;
    this.loop = true;
    /** Addresses. @type {Set<string>} */
    this.groups = new Set();
  }

  /** @returns {UDPSocketOptions} only what differs from the defaults: naming one takes the policy */
  creationOptions() {
    /** @type {UDPSocketOptions} */
    const options = {};
    if (this.hops !== 1) options.multicastTimeToLive = this.hops;
    if (!this.loop) options.multicastLoopback = false;
    return options;
  }

  /** @param {UDPSocketOpenInfo} info of a socket that was just opened. Rejects with an errno. */
  async joinAll(info) {
    for (const group of this.groups) await this.join(info, group);
  }

  /** @param {UDPSocketOpenInfo} info @param {string} group */
  async join(info, group) {
    const controller = this.controllerOf(info);
    try {
      await controller.joinGroup(group);
    } catch (error) {
      this.explain(`join ${group}: ENODEV: ${describe(error)} No interface has a route to that group, or it cannot join`);
      throw ENODEV;
    }
  }

  /** @param {UDPSocketOpenInfo} info @param {string} group */
  async leave(info, group) {
    await this.controllerOf(info).leaveGroup(group);
  }

  /** @param {UDPSocketOpenInfo} info @returns {MulticastController} */
  controllerOf({ multicastController }) {
    if (multicastController) return multicastController;
    this.explain(`setsockopt: EACCES: ${MULTICAST_POLICY}`);
    throw EACCES;
  }
}
