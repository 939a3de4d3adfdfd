// --pre-js of reopen.c: a datagram "FAIL" is written with 65,508 bytes, one more than fits, which the library itself
// never does. Chrome rejects the write and ends the stream.
const platform = /** @type {any} */ (globalThis);
if (platform.UDPSocket) {
  platform.UDPSocket = class extends platform.UDPSocket {
    get opened() {
      return super.opened.then((/** @type {UDPSocketOpenInfo} */ info) => ({
        ...info,
        writable: {
          getWriter() {
            const writer = info.writable.getWriter();
            return {
              get desiredSize() {
                return writer.desiredSize;
              },
              write(/** @type {UDPMessage} */ message) {
                const failing = new TextDecoder().decode(message.data) === 'FAIL';
                return writer.write(failing ? { ...message, data: new Uint8Array(65508) } : message);
              },
              close: () => writer.close(),
              abort: () => writer.abort(),
              releaseLock: () => writer.releaseLock(),
            };
          },
        },
      }));
    }
  };
}
