// The page of the chat: joins the server that the address names behind its #, as the server prints it,
//     index.html#127.0.0.1:4433/THE-CERTIFICATE'S-SHA-256
// and shows what the others say. It trusts that one certificate, whoever signed it.

const $ = (selector) => document.querySelector(selector);

function show(line) {
  const item = document.createElement('li');
  item.textContent = line;
  $('#lines').append(item);
  item.scrollIntoView();
}

/** The lines of a stream of bytes. */
async function* linesOf(readable) {
  let begun = '';
  for await (const text of readable.pipeThrough(new TextDecoderStream())) {
    const lines = (begun + text).split('\n');
    begun = lines.pop();
    yield* lines;
  }
}

async function join(name) {
  const [, host, hash] = /^#([^/]+)\/([0-9a-f]{64})$/.exec(location.hash) ?? [];
  if (!host) throw new Error('this page’s address needs what the server printed, from the # on');
  const value = Uint8Array.from(hash.match(/../g), (digits) => parseInt(digits, 16));
  const session = new WebTransport(`https://${host}/chat`, { serverCertificateHashes: [{ algorithm: 'sha-256', value }] });
  await session.ready;
  const { readable, writable } = await session.createBidirectionalStream();
  const writer = writable.getWriter();
  const say = (line) => writer.write(new TextEncoder().encode(`${line}\n`));
  await say(name);
  return { say, lines: linesOf(readable) };
}

$('#join').addEventListener('submit', async (event) => {
  event.preventDefault();
  const button = $('#join button');
  const input = $('#say input');
  button.disabled = true;
  $('#status').textContent = 'Connecting …';
  let failure = 'Not connected';
  try {
    const { say, lines } = await join($('#join input').value);
    $('#status').textContent = 'Connected.';
    failure = 'The chat is over';
    input.disabled = false;
    input.focus();
    $('#say').onsubmit = (submit) => {
      submit.preventDefault();
      show(`me: ${input.value}`);
      void say(input.value).catch(() => {}); // the end is told below
      input.value = '';
    };
    for await (const line of lines) show(line);
    $('#status').textContent = `${failure}.`;
  } catch (error) {
    $('#status').textContent = `${failure}: ${error.message}`;
  } finally {
    button.disabled = false;
    input.disabled = true;
  }
});
