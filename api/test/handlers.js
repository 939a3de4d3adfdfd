// The handlers that the tests of every runtime serve: to a native server, on Node, and in the page of an Isolated Web App,
// which imports this file. What a test has to know of a handler's fate is asked for by another request.

/** @param {Uint8Array} bytes */
const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

const text = (/** @type {string} */ words) => new TextEncoder().encode(words);

/** Another turn of the event loop: what a slow handler waits for. */
const turn = () => new Promise((resolve) => void setTimeout(resolve));

/** @returns {import('../gateway.js').Handlers & {errors: string[]}} */
export function makeHandlers() {
  const released = Promise.withResolvers();
  const waiting = Promise.withResolvers();
  const aborted = Promise.withResolvers();
  const cancelled = Promise.withResolvers();
  const told = Promise.withResolvers();
  const socketClosed = Promise.withResolvers();
  /** @type {string[]} */
  const errors = [];
  return {
    errors,
    onError: (error, { route }) => void errors.push(`${route}: ${/** @type {Error} */ (error).message}`),
    routes: {
      '/hello': (request, { remoteAddress, route }) => Response.json({
        method: request.method,
        url: new URL(request.url).pathname + new URL(request.url).search,
        fields: Object.fromEntries(request.headers),
        hasBody: request.body !== null,
        remoteAddress,
        route,
      }, { status: 201, headers: { 'x-answer': 'ÿ' } }),
      '/below/*': (_, { route }) => new Response(route),
      '/cookies': () => ({ headers: [['set-cookie', 'a=1'], ['set-cookie', 'b=2']], body: 'two' }),
      '/empty': () => new Response(null, { status: 204 }),
      async '/slow'(request) {
        let length = 0;
        for await (const chunk of /** @type {any} */ (request.body)) {
          length += chunk.byteLength;
          await turn();
        }
        return new Response(`${length}`);
      },
      async '/hash'(request) {
        const body = await request.arrayBuffer();
        return new Response(hex(new Uint8Array(await crypto.subtle.digest('SHA-256', body))));
      },
      '/echo': (request, info) => ({
        headers: { 'content-type': request.headers.get('content-type') ?? '' },
        body: request.body,
        trailers: () => info.trailers,
      }),
      '/trailers': () => ({ body: 'body', trailers: [['checksum', 'ÿ'], ['again', '1'], ['again', '2']] }),
      '/trailers/late': () => {
        let length = 0;
        const body = new ReadableStream({
          async pull(controller) {
            await turn();
            controller.enqueue(text('part'));
            length += 4;
            if (length === 12) controller.close();
          },
        });
        return { body, trailers: async () => ({ length: `${length}` }) };
      },
      '/trailers/throws': () => ({ body: 'body', trailers: () => Promise.reject(new Error('no sum')) }),
      async '/socket-closed'() {
        return Response.json(await socketClosed.promise);
      },
      '/unread': () => new Response('without looking'),
      async '/wait'(request) {
        waiting.resolve(undefined);
        request.signal.addEventListener('abort', () => aborted.resolve(undefined));
        await released.promise;
        return new Response('released');
      },
      async '/waiting'() {
        await waiting.promise;
        return new Response('yes');
      },
      '/release'() {
        released.resolve(undefined);
        return new Response('done');
      },
      '/never': (request) => {
        request.signal.addEventListener('abort', () => aborted.resolve(undefined));
        return new Response(new ReadableStream({ start: (controller) => controller.enqueue(text('a part')) }));
      },
      async '/aborted'() {
        await aborted.promise;
        return new Response('yes');
      },
      '/endless': () => new Response(new ReadableStream({
        async pull(controller) {
          await turn();
          controller.enqueue(text('more and '));
        },
        cancel: () => cancelled.resolve(undefined),
      })),
      async '/cancelled'() {
        await cancelled.promise;
        return new Response('yes');
      },
      '/throws': () => {
        throw new Error('on purpose');
      },
      '/nothing': () => /** @type {any} */ (undefined),
      '/breaks': () => new Response(new ReadableStream({
        start(controller) {
          controller.enqueue(text('a part'));
        },
        async pull() {
          await turn();
          throw new Error('half-way');
        },
      })),
      '/errors': () => Response.json(errors),
    },
    webtransport: {
      async '/echo'(session) {
        const { datagrams, incomingBidirectionalStreams: bidirectional, incomingUnidirectionalStreams: unidirectional } = session;
        void datagrams.readable.pipeTo(datagrams.writable).catch(() => {});
        const both = async () => {
          for await (const { readable, writable } of /** @type {any} */ (bidirectional)) void readable.pipeTo(writable).catch(() => {});
        };
        const one = async () => {
          for await (const readable of /** @type {any} */ (unidirectional)) {
            void readable.pipeTo(await session.createUnidirectionalStream()).catch(() => {});
          }
        };
        void both().catch(() => {});
        void one().catch(() => {});
        told.resolve(await session.closed);
      },
      async '/told'(session) {
        const writer = (await session.createUnidirectionalStream()).getWriter();
        await writer.write(text(JSON.stringify(await told.promise)));
        await writer.close();
        await session.closed;
      },
      async '/asks'(session) {
        const { readable, writable } = await session.createBidirectionalStream();
        const writer = writable.getWriter();
        await writer.write(text(`who is at ${new URL(session.url).search}?`));
        await writer.close();
        session.close({ closeCode: 9, reason: `hello ${await new Response(readable).text()}` });
      },
      async '/throws'() {
        throw new Error('in a session');
      },
      '/returns'() {},
    },
    websocket: {
      async '/echo'({ readable, writable }) {
        await readable.pipeTo(writable);
      },
      async '/asks'(socket) {
        const writer = socket.writable.getWriter();
        await writer.write(`who is at ${new URL(socket.url).search}?`);
        const { value } = await socket.readable.getReader().read();
        await writer.write(Uint8Array.of(1, 2, 3));
        socket.close({ closeCode: 4001, reason: `hello ${value}, ${socket.route} ${socket.remoteAddress}` });
      },
      async '/tells'(socket) {
        const writer = socket.writable.getWriter();
        for await (const message of /** @type {any} */ (socket.readable)) await writer.write(`${message}!`);
        socketClosed.resolve(await socket.closed);
      },
      '/returns'() {},
      async '/throws'() {
        throw new Error('in a socket');
      },
    },
  };
}
