/** The worker of the API's tests. */
import { bindUdp, checkSupport } from '../../../index.js';

/** @type {Record<string, () => Promise<unknown>>} */
const tasks = {
  checkSupport,
  async udpEcho() {
    await using socket = await bindUdp({ address: '127.0.0.1' });
    await socket.send(new TextEncoder().encode('echo'), { address: '127.0.0.1', port: socket.localPort });
    for await (const { data } of socket) return new TextDecoder().decode(data);
    return undefined;
  },
};

self.addEventListener('message', async ({ data }) => self.postMessage(await tasks[data]()));
