/** iwa-pack as a user types it: keys, bundles, what --verify finds, update manifests, and how it fails. */
import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { describe } from 'node:test';
import { decodeFirst, encode } from 'cborg';
import { BundleBuilder } from 'wbn';
import { IntegrityBlockSigner, NodeCryptoSigningStrategy } from 'wbn-sign';
import { compareVersions } from '../../pack/app-version.mjs';
import { ASIDE_FROM_ROOT, iwaPack, makeApp, makeAppWith } from '../pack-support.js';
import { temporaryDirectory } from '../support.js';

const directory = temporaryDirectory();
const inside = (/** @type {string} */ name) => path.join(directory, name);
const together = { concurrency: 4 };

const app = makeApp({ 'a b/ü.txt': 'text', 'data.bin': Buffer.alloc(5000, 7) });
const key = inside('key.pem');
const bundle = inside('app.swbn');

/** The result of a run with --json. @param {string[]} args @param {Parameters<typeof iwaPack>[1]} [options] */
async function json(args, options) {
  const { code, stdout, stderr } = await iwaPack([...args, '--json'], options);
  assert.equal(stdout.split('\n').length, 2, stderr);
  return { code, stderr, ...JSON.parse(stdout) };
}

/** @param {string[]} args @param {RegExp} message @param {number} [exitCode] @param {Parameters<typeof iwaPack>[1]} [options] */
async function fails(args, message, exitCode = 2, options = {}) {
  const { code, stdout, stderr } = await iwaPack(args, options);
  assert.match(stderr, message);
  assert.deepEqual([code, stdout, stderr.trim().split('\n').length], [exitCode, '', 1], stderr);
}

// What the other tests use.
const made = await json(['--generate-key', key]);
const packed = await json([app, '--key', key, '-o', bundle]);

describe('keys', together, () => {
  test('one is made for its owner alone, and its id is that of what it signs', () => {
    assert.deepEqual([made.code, made.stderr], [0, '']);
    assert.equal(statSync(key).mode & 0o777, 0o600);
    assert.match(made.id, /^[a-z2-7]{52}aaic$/, 'an Ed25519 key: 00 01 02');
    assert.equal(createPrivateKey(readFileSync(key)).asymmetricKeyType, 'ed25519');
    assert.equal(packed.id, made.id);
  });
  test('one is never overwritten', async () => {
    const before = readFileSync(key, 'utf8');
    await fails(['--generate-key', key], /key\.pem exists already, and a key is never overwritten/);
    assert.equal(readFileSync(key, 'utf8'), before);
  });
  test('an ECDSA P-256 key signs too', async () => {
    const file = inside('ecdsa.pem');
    const { id } = await json(['--generate-key', file, '--key-type', 'ecdsa-p256']);
    assert.match(id, /^[a-z2-7]{54}acai$/, '00 02 02');
    assert.equal((await json([app, '--key', file, '-o', inside('ecdsa.swbn')])).id, id);
    const { ok, signatures } = await json(['--verify', inside('ecdsa.swbn')]);
    assert.deepEqual([ok, signatures], [true, [{ type: 'ECDSA P-256', id, good: true }]]);
  });
  test('an encrypted one opens with its passphrase alone', async () => {
    const file = inside('encrypted.pem');
    const passphrase = (/** @type {string} */ WEB_BUNDLE_SIGNING_PASSPHRASE) => ({ env: { WEB_BUNDLE_SIGNING_PASSPHRASE } });
    const { id } = await json(['--generate-key', file, '--encrypt'], passphrase('one two'));
    assert.match(readFileSync(file, 'utf8'), /^-----BEGIN ENCRYPTED PRIVATE KEY-----/);
    const args = [app, '--key', file, '-o', inside('encrypted.swbn')];
    await fails(args, /encrypted\.pem is encrypted: set WEB_BUNDLE_SIGNING_PASSPHRASE, or run this in a terminal/, 2, passphrase(''));
    await fails(args, /encrypted\.pem: the passphrase does not open it/, 2, passphrase('one'));
    assert.equal((await json(args, passphrase('one two'))).id, id);
  });
  test('one that others can read is a warning', async () => {
    const file = inside('open.pem');
    writeFileSync(file, readFileSync(key), { mode: 0o644 });
    assert.match((await json([app, '--key', file, '-o', inside('open.swbn')])).stderr, /warning: .*open\.pem can be read by other users: chmod 600/);
  });
  const rsa = `-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n`;
  for (const [name, content, message] of /** @type {[string, string, RegExp][]} */ ([
    ['a public key', rsa, /it is a public key: give a private key in PEM/],
    ['what is no PEM', 'words', /it is not PEM: give a private key/],
    ['a damaged key', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n', /it is damaged/],
    ['a key on another curve', otherCurve(), /it is a key of type secp384r1; Chrome takes Ed25519 and ECDSA P-256/],
  ])) {
    test(`${name} is refused`, () => {
      const file = inside(`${name}.pem`);
      writeFileSync(file, content, { mode: 0o600 });
      return fails([app, '--key', file, '-o', inside('none.swbn')], message);
    });
  }
  test('a key type that Chrome does not know is refused', () => fails(['--generate-key', inside('x.pem'), '--key-type', 'rsa'], /--key-type rsa: Chrome knows ed25519 and ecdsa-p256/));
});

/** A key of a type that no bundle is signed with. */
function otherCurve() {
  const d = Buffer.alloc(48, 1);
  const pkcs8 = Buffer.concat([Buffer.from('304e020100301006072a8648ce3d020106052b81040022043730350201010430', 'hex'), d]);
  return `-----BEGIN PRIVATE KEY-----\n${pkcs8.toString('base64')}\n-----END PRIVATE KEY-----\n`;
}

describe('a bundle', together, () => {
  test('has every file, and the start page twice, with the headers that are asked for', async () => {
    const { resources, ...found } = await json(['--verify', bundle]);
    assert.deepEqual([found.ok, found.id, found.origin, found.name, found.version, found.problems],
      [true, made.id, `isolated-app://${made.id}`, 'Test app', '1.0.0', []]);
    assert.deepEqual(resources.map((/** @type {any} */ { path: name, type }) => `${name} ${type}`).sort(), [
      '/ text/html; charset=utf-8', '/.well-known/manifest.webmanifest application/manifest+json', '/a%20b/%C3%BC.txt text/plain; charset=utf-8',
      '/app.js text/javascript; charset=utf-8', '/data.bin application/octet-stream', '/icon.png image/png',
      '/index.html text/html; charset=utf-8', '/part.js text/javascript; charset=utf-8',
    ]);
    const text = readFileSync(bundle, 'latin1');
    for (const header of ['cross-origin-embedder-policyLrequire-corp', 'cross-origin-opener-policyKsame-origin', 'cross-origin-resource-policyKsame-origin']) {
      assert.equal(text.split(header).length - 1, 8, header);
    }
  });
  test('is the same for the same files', async () => {
    await json([app, '--key', key, '-o', inside('again.swbn')]);
    assert.ok(readFileSync(inside('again.swbn')).equals(readFileSync(bundle)));
  });
  test('tells people its id and origin', async () => {
    const { code, stdout, stderr } = await iwaPack([app, '--key', key, '-o', inside('people.swbn')]);
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, new RegExp(`^.*people\\.swbn: Test app 1\\.0\\.0, 8 resources, .* kB\n  id +${made.id}\n  origin +isolated-app://${made.id}\n$`));
  });
  test('is not made of an app that is not right, and an earlier one stays', async () => {
    const output = inside('kept.swbn');
    writeFileSync(output, 'earlier');
    const { code, ok, stderr, problems } = await json([makeApp({ 'p.html': '<p onclick=x>' }), '--key', key, '-o', output]);
    assert.deepEqual([code, ok, problems.length, problems[0].rule, problems[0].at], [1, false, 1, 'event-handler', { line: 1, column: 4 }]);
    assert.match(stderr, /p\.html:1:4: error: onclick/);
    assert.equal(readFileSync(output, 'utf8'), 'earlier');
  });
  test('can be signed by an old key and a new one, and keeps its id', async () => {
    const file = inside('new.pem');
    const { id: newId } = await json(['--generate-key', file]);
    const args = [app, '--key', file, '--key', key, '-o', inside('two.swbn')];
    await fails(args, /several keys make several ids: say with --id/);
    await json([...args, '--id', made.id]);
    const { ok, id, signatures } = await json(['--verify', inside('two.swbn')]);
    assert.deepEqual([ok, id, signatures.map((/** @type {any} */ one) => one.id)], [true, made.id, [newId, made.id]]);
    const { stderr } = await json([app, '--key', file, '-o', inside('rotated.swbn'), '--id', made.id]);
    assert.match(stderr, /warning: no key makes the id/);
    const rotated = await json(['--verify', inside('rotated.swbn')]);
    assert.deepEqual([rotated.ok, rotated.problems[0].severity, rotated.problems[0].rule], [true, 'warning', 'id']);
  });
});

describe('--verify', together, () => {
  const good = readFileSync(bundle);
  /** @param {string} name @param {Uint8Array} bytes @param {RegExp[]} expected */
  async function finds(name, bytes, expected) {
    const file = inside(`${name}.swbn`);
    writeFileSync(file, bytes);
    const { code, ok, stderr } = await json(['--verify', file]);
    assert.deepEqual([code, ok], [1, false], stderr);
    for (const pattern of expected) assert.match(stderr, pattern);
  }
  /** The good bundle with its integrity block changed. @param {(block: any[]) => void} change */
  function withBlock(change) {
    const [block, rest] = decodeFirst(good, { useMaps: true });
    change(block);
    return Buffer.concat([encode(block), rest]);
  }
  const content = decodeFirst(good, { useMaps: true })[1];
  const changedAt = (/** @type {number} */ index) => Buffer.from(good).fill(good[index] ^ 1, index, index + 1);

  test('an empty file', () => finds('empty', Buffer.alloc(0), [/error: the file is empty/]));
  test('what is no bundle', () => finds('words', Buffer.from('words'), [/error: it is no signed web bundle/]));
  test('a bundle without a signature', () => finds('unsigned', content, [/error: it is a web bundle without a signature: iwa-pack signs one/]));
  test('one cut short in its integrity block', () => finds('short-block', good.subarray(0, 100), [/error: the integrity block is cut short or damaged/]));
  test('one cut short in its content', () => finds('short', good.subarray(0, good.length - 1000),
    [/does not end with its own length/, /signature 1 of 1 \(Ed25519\) does not match/, /can't be read as a web bundle.*cut short/]));
  test('one with bytes added', () => finds('long', Buffer.concat([good, Buffer.from('x')]), [/something was added/, /does not match/]));
  test('a changed byte of a file', () => finds('changed', changedAt(good.indexOf(Buffer.alloc(100, 7))), [/does not match: the bundle was changed after it was signed/]));
  test('a changed byte of the signature', () => finds('signature', withBlock((block) => (block[3][0][1] = block[3][0][1].map((/** @type {number} */ byte) => byte ^ 1))), [/does not match/]));
  test('another id', () => finds('id', withBlock(([, , attributes]) => attributes.set('webBundleId', `${made.id.startsWith('b') ? 'c' : 'b'}${made.id.slice(1)}`)),
    [/does not match/, /warning: none of its keys/, /8 of its 8 URLs are none of the app's/]));
  test('an id that is none', () => finds('no-id', withBlock(([, , attributes]) => attributes.set('webBundleId', 'short')), [/the id "short" is none of 56 or 58/]));
  test('an integrity block of an older version', () => finds('v1', withBlock((block) => (block[1] = Buffer.from('1b\0\0'))), [/of version 1b, Chrome reads 2b alone/]));
  test('no signature in the block', () => finds('nobody', withBlock((block) => (block[3] = [])), [/nobody has signed it/]));
  test('a signature of an unknown type', () => finds('unknown', withBlock((block) => (block[3][0][0] = new Map([['rsa', new Uint8Array(9)]]))), [/signature 1 of 1 \(unknown\) is of a type that Chrome does not know/]));
  test('a block that is not written in the one right way', () => {
    // The array's length in two bytes in the place of one.
    return finds('loose', Buffer.concat([Buffer.from([0x98, 0x04]), good.subarray(1)]), [/not written as Chrome wants it/]);
  });

  /** A signed bundle with what iwa-pack never makes. @param {(builder: BundleBuilder, origin: string) => void} fill */
  async function signed(fill) {
    const builder = new BundleBuilder('b2');
    fill(builder, `isolated-app://${made.id}`);
    const strategy = new NodeCryptoSigningStrategy(createPrivateKey(readFileSync(key)));
    return (await new IntegrityBlockSigner(builder.createBundle(), made.id, [strategy]).sign()).signedWebBundle;
  }
  test('resources that Chrome does not take', async () => finds('resources', await signed((builder, origin) => {
    builder.setPrimaryURL(`${origin}/`);
    builder.addExchange(`${origin}/`, 404, { 'content-type': 'text/html' }, 'x');
    builder.addExchange(`${origin}/q?x=1`, 200, { 'content-type': 'text/plain' }, 'x');
    builder.addExchange(`${origin}/empty`, 200, {}, '');
    builder.addExchange('https://example.com/', 200, { 'content-type': 'text/plain' }, 'x');
  }), [
    /it has a primary URL/, /\/ has status 404/, /\/q\?x=1 has a query/, /\/empty has no content-type/,
    /1 of its 4 URLs are none of the app's .*https:\/\/example\.com\//, /!\/\.well-known\/manifest\.webmanifest: error: the app has no manifest/,
  ]));
  test('what is wrong with the app inside, with its place', async () => finds('inside', await signed((builder, origin) => {
    builder.addExchange(`${origin}/`, 200, { 'content-type': 'text/html' }, '\n<script>x</script>');
    builder.addExchange(`${origin}/.well-known/manifest.webmanifest`, 200, { 'content-type': 'application/manifest+json' }, '{"name": "x"}');
  }), [/inside\.swbn!\/:2:1: error: an inline script/, /inside\.swbn!\/\.well-known\/manifest\.webmanifest:1:1: error: version/]));
  test('any changed byte', async () => {
    const small = await signed((builder, origin) => builder.addExchange(`${origin}/`, 200, { 'content-type': 'text/html' }, 'x'));
    const { readSignedBundle } = await import('../../pack/signed-bundle.mjs');
    assert.deepEqual(readSignedBundle(small, 'small').problems, []);
    for (let index = 0; index < small.length; index += 1) {
      for (const bit of [1, 0x80]) {
        const changed = Uint8Array.from(small);
        changed[index] ^= bit;
        assert.ok(readSignedBundle(changed, 'small').problems.some(({ severity }) => severity === 'error'), `byte ${index}`);
      }
      assert.ok(readSignedBundle(small.subarray(0, index), 'small').problems.some(({ severity }) => severity === 'error'), `${index} bytes`);
    }
  });
  test('a file that is not there, a directory', async () => {
    await fails(['--verify', inside('gone.swbn')], /--verify .*gone\.swbn: no such file/);
    await fails(['--verify', directory], /it is a directory: --check looks at one/);
  });
});

describe('update manifests', together, () => {
  const add = (/** @type {string} */ file, /** @type {string} */ version, /** @type {string[]} */ ...more) =>
    json(['--update-manifest', file, '--version', version, '--src', `v${version}.swbn`, ...more]);

  test('versions add up in their order, none twice, and what else is there stays', async () => {
    const file = inside('updates.json');
    writeFileSync(file, '{"channels": {"beta": {"name": "Tests"}}, "versions": [{"version": "1.10.0", "src": "a.swbn", "more": 1}]}');
    assert.deepEqual((await add(file, '1.9.0')).versions, ['1.9.0', '1.10.0']);
    assert.deepEqual((await add(file, '2.0', '--channel', 'beta', '--channel', 'default')).versions, ['1.9.0', '1.10.0', '2.0']);
    const again = await add(file, '1.9.0');
    assert.deepEqual([again.code, again.versions], [0, ['1.9.0', '1.10.0', '2.0']]);
    assert.match(again.stderr, /warning: .* has 2\.0, which is higher than 1\.9\.0/);
    assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), {
      channels: { beta: { name: 'Tests' } },
      versions: [
        { version: '1.9.0', src: 'v1.9.0.swbn' }, { version: '1.10.0', src: 'a.swbn', more: 1 },
        { version: '2.0', src: 'v2.0.swbn', channels: ['beta', 'default'] },
      ],
    });
    await fails(['--update-manifest', file, '--version', '2.0.0', '--src', 'other.swbn'], /has version 2\.0 already, at v2\.0\.swbn.*raise "version"/, 1);
  });
  test('1.2 and 1.2.0 are the same version', () => {
    assert.deepEqual(['1.10', '1.2.0', '1.2', '1.2.0.1', '0.9'].sort(compareVersions), ['0.9', '1.2.0', '1.2', '1.2.0.1', '1.10']);
  });
  test('the version of a packed app is added with its bundle', async () => {
    const [output, file] = [inside('updated.swbn'), inside('packed.json')];
    const args = [app, '--key', key, '-o', output, '--update-manifest', file];
    await fails(args, /--src is needed/);
    await fails([...args, '--src', 'a.swbn', '--version', '1.0.1'], /--version 1\.0\.1: the app's manifest says that it is 1\.0\.0/);
    assert.ok(!existsSync(output) && !existsSync(file));
    assert.deepEqual((await json([...args, '--src', 'https://example.com/a.swbn'])).versions, ['1.0.0']);
    assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), { versions: [{ version: '1.0.0', src: 'https://example.com/a.swbn' }] });
  });
  /** @type {[name: string, content: string, message: RegExp][]} */
  const broken = [
    ['no JSON', '{\n"versions": [}', /no JSON\.json:2:14: it is not JSON.*correct it, or remove the file/],
    ['no versions', '{}', /no versions\.json:1:1: it is no update manifest/],
    ['a version that is none', '{"versions": [{"version": "a", "src": "x"}]}', /versions\[0\]: "a" is not one to four numbers/],
    ['a version without src', '{"versions": [{"version": "1"}]}', /versions\[0\]: it has no src/],
  ];
  for (const [name, content, message] of broken) {
    test(`${name}: it is left as it is`, async () => {
      const file = inside(`${name}.json`);
      writeFileSync(file, content);
      await fails(['--update-manifest', file, '--version', '1', '--src', 'a.swbn'], message);
      assert.equal(readFileSync(file, 'utf8'), content);
    });
  }
  test('a version or an address that Chrome does not take', async () => {
    const file = inside('none.json');
    await fails(['--update-manifest', file, '--version', '1.x', '--src', 'a'], /--version: "1\.x" is not one to four numbers/);
    await fails(['--update-manifest', file, '--version', '1', '--src', 'http://example.com/a'], /--src http:.*Chrome downloads from https:/);
    assert.ok(!existsSync(file));
    assert.equal((await json(['--update-manifest', file, '--version', '1', '--src', 'http://localhost:8000/a'])).code, 0);
  });
});

describe('what cannot be tried: one line, exit code 2, and nothing is left', together, () => {
  for (const [args, message] of /** @type {[string[], RegExp][]} */ ([
    [[], /a directory is needed \(see --help\)/],
    [[app], /--key is needed; iwa-pack --generate-key FILE makes one/],
    [[app, '--key', key], /-o FILE\.swbn is needed/],
    [[app, app, '--check'], /one directory is packed at a time/],
    [[app, '--verify', bundle], /--verify is a task of its own/],
    [['--verify', bundle, '--generate-key', inside('y.pem')], /a task of its own/],
    [['--bogus'], /--bogus.*see --help/],
    [['--update-manifest', inside('z.json')], /--version is needed/],
    [[app, '--key', inside('gone.pem'), '-o', inside('z.swbn')], /--key .*gone\.pem: no such file; iwa-pack --generate-key FILE makes one/],
    [[app, '--key', key, '-o', inside('gone/z.swbn')], /gone\/z\.swbn is not written: its directory does not exist/],
    [[app, '--key', key, '-o', directory], /is not written: it is a directory/],
    [[app, '--key', key, '-o', '/dev/null'], /\/dev\/null is not written: it is a device or a pipe/],
    [[app, '--key', key, '-o', path.join(app, 'z.swbn')], /-o .*: it is in .*, and would be packed the next time/],
    [[app, '--key', key, '-o', inside('z.swbn'), '--id', 'short'], /--id short: an id is 56 or 58/],
    [['--generate-key', inside('gone/k.pem')], /k\.pem is not written: its directory does not exist/],
  ])) {
    test(message.source, () => fails(args, message));
  }
  test('a directory that may not be written to', async () => {
    const closed = inside('closed');
    mkdirSync(closed, { mode: 0o500 });
    await fails([app, '--key', key, '-o', path.join(closed, 'z.swbn')], /its directory may not be written to/, 2, { under: ASIDE_FROM_ROOT });
  });
  test('a full disk leaves no half file, and what was there before', async (t) => {
    // Its blocks are few: a file system of its own, which takes rights to mount.
    const script = 'mount -t tmpfs -o size=64k none "$0" && echo earlier > "$0/a.swbn" && "$@"; code=$?; ls "$0"; cat "$0/a.swbn"; exit $code';
    const big = makeApp({ 'big.bin': Buffer.alloc(200_000, 1) });
    const under = ['unshare', '--map-root-user', '--mount', 'sh', '-c', script, inside('')];
    const full = inside('full');
    mkdirSync(full);
    under[under.length - 1] = full;
    const { code, stdout, stderr } = await iwaPack([big, '--key', key, '-o', path.join(full, 'a.swbn')], { under });
    if (/unshare|mount:/.test(stderr)) return t.skip(`no small file system can be mounted here: ${stderr.trim()}`);
    assert.match(stderr, /a\.swbn is not written: the disk is full: make room/);
    assert.deepEqual([code, stdout], [2, 'a.swbn\nearlier\n']);
  });
  test('--json says it too', async () => {
    const { code, ok, error } = await json([app]);
    assert.deepEqual([code, ok], [2, false]);
    assert.match(error, /^--key is needed/);
  });
});

test('help names every option, with examples', async () => {
  const { code, stdout } = await iwaPack(['--help']);
  assert.equal(code, 0);
  for (const option of ['--key', '--output', '--verify', '--generate-key', '--update-manifest', '--json', 'Examples:', 'Exit code:']) {
    assert.ok(stdout.includes(option), option);
  }
  assert.ok(stdout.split('\n').every((line) => line.length <= 120), 'it fits a terminal');
});

test('a larger app: its steps are told', async () => {
  const large = makeAppWith(() => {}, { 'a.bin': Buffer.alloc(65 << 20, 1) });
  const { code, stderr } = await iwaPack([large, '--key', key, '-o', inside('large.swbn')]);
  assert.equal(code, 0);
  assert.match(stderr, /^iwa-pack: packing 68\.2 MB \.\.\.\niwa-pack: checking the bundle \.\.\.\n$/);
  assert.deepEqual(readdirSync(directory).filter((name) => name.includes('.new-')), []);
});
