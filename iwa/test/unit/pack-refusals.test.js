/** What iwa-pack refuses of an app, each with its file, line and next step; and what it takes. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { describe } from 'node:test';
import { ASIDE_FROM_ROOT, goodManifest, iwaPack, linesOf, makeApp, makeAppWith, png } from '../pack-support.js';
import { temporaryDirectory } from '../support.js';

const MANIFEST = '.well-known/manifest.webmanifest';
const together = { concurrency: 4 };

/**
 * Checks an app, and expects these lines of it, each of which a pattern fits.
 * @param {string} directory @param {RegExp[]} expected @param {number} [exitCode] @param {string[]} [under]
 */
async function expectLines(directory, expected, exitCode = 1, under = []) {
  const { code, stderr } = await iwaPack([directory, '--check'], { under });
  const lines = linesOf(directory, stderr);
  assert.equal(lines.length, expected.length, stderr);
  expected.forEach((pattern, index) => assert.match(lines[index], pattern));
  assert.equal(code, exitCode);
}

test('an app that nothing is wrong with', async () => {
  const directory = makeApp({ 'style.css': 'a { color: red }', 'a b@2x%.txt': '', 'sub/index.html': '<p style="color:red">' });
  const { code, stdout, stderr } = await iwaPack([directory, '--check']);
  assert.deepEqual([code, stderr, stdout], [0, '', `${directory}: 10 resources, nothing is wrong with it\n`]);
});

describe('pages', together, () => {
  const cases = /** @type {[name: string, body: string, expected: RegExp][]} */ ([
    ['an inline script', '<p>x</p>\n  <script>run()</script>', /^p\.html:2:3: error: an inline script is blocked: move it into a file/],
    ['an inline module', '<script type="module">run()</script>', /^p\.html:1:1: error: an inline script \(module\) is blocked/],
    ['an import map', '<script type="importmap">{}</script>', /^p\.html:1:1: error: an inline script \(importmap\).*write the modules/],
    ['an event handler', '<button\n  onclick="run()">', /^p\.html:2:3: error: onclick=… on <button> is blocked: call addEventListener/],
    ['an event handler in a template', '<template><a onclick=x></a></template>', /^p\.html:1:14: error: onclick/],
    ['an event handler in SVG', '<svg><g onload="run()"/></svg>', /^p\.html:1:9: error: onload/],
    ['a javascript: URL', '<a href=" java\nscript:run()">', /^p\.html:1:4: error: a javascript: URL on <a> is blocked/],
    ['a javascript: URL of a form', '<form action="JavaScript:x">', /^p\.html:1:7: error: a javascript: URL on <form>/],
    ['a javascript: URL in SVG', '<svg><a xlink:href="javascript:x">x</a></svg>',
      /^p\.html:1:9: error: a javascript: URL on <a>/],
    ['a refresh to a javascript: URL', '<meta charset=utf-8>\n<meta http-equiv=Refresh content="0; URL=\'javascript:x()\'">',
      /^p\.html:2:26: error: a refresh to a javascript: URL does nothing: run a script file/],
    ['a refresh to a javascript: URL, without url=', '<meta http-equiv=refresh content="3;javascript:x()">',
      /^p\.html:1:26: error: a refresh to a javascript: URL/],
    ['an inline script in a page in an attribute', '<iframe\n  srcdoc="<p>x</p>\n <script>run()</script>"></iframe>',
      /^p\.html:3:2: error: an inline script is blocked/],
    ['an event handler in a page in an attribute', '<iframe srcdoc="&lt;b onclick=&quot;run()&quot;>x</b>"></iframe>',
      /^p\.html:1:9: error: onclick=… on <b> is blocked/],
    ['a script from elsewhere in a page in a page in an attribute',
      '<iframe srcdoc="\n<iframe srcdoc=\'\n<script src=//example.com/a.js></script>\'></iframe>"></iframe>',
      /^p\.html:3:9: error: a script from elsewhere/],
    ['a base', '<base href="/sub/">', /^p\.html:1:7: error: <base href> is blocked/],
    ['a plug-in', '<object data="/icon.png"></object>', /^p\.html:1:1: error: <object> is blocked/],
    ['a script from elsewhere', '<script src="https://example.com/a.js"></script>', /^p\.html:1:9: error: a script from elsewhere \(https:.*put a copy/],
    ['a script from another host of the same scheme', '<script src="//example.com/a.js"></script>', /^p\.html:1:9: error: a script from elsewhere/],
    ['a script as data', '<script src="data:text/javascript,x"></script>', /^p\.html:1:9: error: a script from elsewhere/],
    ['a script without an address', '<script src=""></script>', /^p\.html:1:9: error: the script has no address/],
    ['a script from elsewhere in SVG', '<svg><script href="//example.com/a.js"/></svg>', /^p\.html:1:14: error: a script from elsewhere/],
    ['a script that is not there', '<script src="gone.js"></script>', /^p\.html:1:9: error: script gone\.js is not in the app: add the file/],
    ['a style from elsewhere', '<link rel=stylesheet href="https://example.com/a.css">', /^p\.html:1:22: error: a style from elsewhere/],
    ['a style that is not there', '<link rel=stylesheet href=/gone.css>', /^p\.html:1:22: error: style \/gone\.css is not in the app/],
    ['an import from elsewhere in a style', '<style>@import url("https://example.com/a.css");</style>', /^p\.html:1:1: error: an @import from elsewhere/],
  ]);
  for (const [name, body, expected] of cases) {
    test(`${name} is refused`, () => expectLines(makeApp({ 'p.html': body }), [expected]));
  }
  test('elements that are deep in each other are all looked at, in their order', () => expectLines(makeApp({
    'p.html': `<p onclick=x>\n${'<div>'.repeat(20_000)}\n<p onclick=x>\n<template><p onclick=x></template><p onclick=x>`,
  }), [/^p\.html:1:4: error/, /^p\.html:3:4: error/, /^p\.html:4:14: error/, /^p\.html:4:38: error/]));
  test('an import of many spaces is read in no time', () => expectLines(makeApp({
    'p.html': `<style>@import ${' '.repeat(1_000_000)}x</style><p onclick=x>`,
  }), [/^p\.html:1:\d+: error: onclick/]));
  test('a picture that is not there, or from http:, is a warning', () => expectLines(makeApp({
    'p.html': '<img src="gone.png">\n<img src="http://example.com/a.png">\n<img src="https://example.com/a.png"><img src="data:,">',
  }), [/^p\.html:1:6: warning: <img> shows gone\.png, which is not in the app/, /^p\.html:2:6: warning: <img> from http: is blocked/], 0));
  test('what the policy allows is taken', () => expectLines(makeApp({
    'p.html': '<style>a{}</style><p style="top:0"><script type="application/json">{}</script><script src="app.js?v=1#x"></script>' +
      '<a href="https://example.com/">out</a><script></script><!-- <script>x</script> -->' +
      '<meta http-equiv=refresh content="30; url=/index.html?from=javascript:"><meta http-equiv=refresh content=30>' +
      '<iframe srcdoc="<p>x</p><script src=&quot;app.js&quot;></script>"></iframe>',
  }), [], 0));
  test('an import from elsewhere in a style sheet is refused, one in a comment is not', () => expectLines(makeApp({
    's.css': '/* @import "https://example.com/a.css" */\n@import "https://example.com/b.css";',
  }), [/^s\.css:2:1: error: an @import from elsewhere/]));
});

describe('scripts', together, () => {
  test('an import that is not there is refused where a page loads it', () => expectLines(makeApp({
    'part.js': '\nimport { x } from "./gone.js";\n', 'unused.js': 'import "./gone.js";',
  }), [/^part\.js:2:1: error: import "\.\/gone\.js" is not in the app/]));
  test('an import by a bare name is refused', () => expectLines(makeApp({ 'part.js': 'import "lodash";' }),
    [/^part\.js:1:1: error: import "lodash" names no file.*"\.\/lodash\.js"/]));
  test('an import from elsewhere is refused', () => expectLines(makeApp({ 'part.js': 'export * from "https://example.com/a.js";' }),
    [/^part\.js:1:1: error: a script from elsewhere/]));
  test('code from strings is a warning', () => expectLines(makeApp({
    'a.js': '// eval("comment")\n  eval("1");\nnew Function("return 1");\nglobalThis.eval(x);\nsetTimeout("run()", 1);\nconst s = "eval(1)";\nsetTimeout(run, 1);',
  }), [
    /^a\.js:2:3: warning: eval\(\) of a string throws here/, /^a\.js:3:1: warning: Function\(\)/, /^a\.js:4:1: warning: eval\(\)/,
    /^a\.js:5:1: warning: setTimeout\(\) with code in a string/,
  ], 0));
  test('what needs Trusted Types is a warning', () => expectLines(makeApp({
    'a.js': 'new Worker("w.js");\nnew Worker(new URL("w.js", import.meta.url));\nnavigator.serviceWorker.register("/sw.js");\n' +
      'el.innerHTML = "<b>";\ndocument.write("x");\nnew Worker(policy.createScriptURL("w.js"));',
    'b.js': 'importScripts("w.js");',
  }), [
    /^a\.js:1:1: warning: Worker\(\) of a string/, /^a\.js:2:1: warning: Worker\(\)/, /^a\.js:3:1: warning: register\(\)/,
    /^a\.js:4:1: warning: a string in innerHTML/, /^a\.js:5:1: warning: write\(\)/, /^b\.js:1:1: warning: importScripts\(\)/,
  ], 0));
  test('a script that can’t be read is a warning', () => expectLines(makeApp({ 'a.js': 'let x;\nlet = =;' }),
    [/^a\.js:2:\d+: warning: it can't be read as JavaScript/], 0));
});

describe('the manifest', together, () => {
  test('none is refused, and one in the wrong place is named', () => expectLines(
    makeApp({ [MANIFEST]: null, 'manifest.json': '{}' }),
    [/^\.well-known\/manifest\.webmanifest: error: the app has no manifest.*move manifest\.json there/]));
  test('what is no JSON is refused with its line', () => expectLines(makeApp({ [MANIFEST]: '{\n  "name": "x",\n}' }),
    [/^\.well-known\/manifest\.webmanifest:3:1: error: it is not JSON \(.*\): correct it/]));
  test('what has more levels than can be read is refused', () => expectLines(
    makeApp({ [MANIFEST]: '['.repeat(200_000) }), [/:1:1: error: it is not JSON \(too many levels\): correct it/]));
  test('what is no object is refused', () => expectLines(makeApp({ [MANIFEST]: '[]' }), [/1:1: error: it is not one JSON object/]));

  const line = Object.fromEntries(JSON.stringify(goodManifest(), null, 2).split('\n')
    .map((text, index) => [/"(\w+)"/.exec(text)?.[1], index + 1]));
  /** @type {[name: string, change: (manifest: Record<string, any>) => void, expected: RegExp][]} */
  const cases = [
    ['no name', (m) => delete m.name, /:1:1: error: name: it is missing/],
    ['no version', (m) => delete m.version, /:1:1: error: version: it is missing: add one/],
    ['a version of a number', (m) => (m.version = 1), /:3:3: error: version: it is one to four numbers.*in quotes/],
    ['a version with a leading zero', (m) => (m.version = '1.02'), /:3:3: error: version: "1\.02" is not one to four numbers/],
    ['a version of five numbers', (m) => (m.version = '1.2.3.4.5'), /:3:3: error: version: "1\.2\.3\.4\.5" is not/],
    ['a version with letters', (m) => (m.version = '1.0.0-beta'), /:3:3: error: version: "1\.0\.0-beta" is not/],
    ['a version too large', (m) => (m.version = '4294967296'), /:3:3: error: version: .*above 4294967295/],
    ['no start_url', (m) => delete m.start_url, /:1:1: error: start_url: it is missing/],
    ['a start_url elsewhere', (m) => (m.start_url = 'https://example.com/'), /:4:3: error: start_url: "https:\/\/example\.com\/" is no page of the app/],
    ['a start page that is not there', (m) => Object.assign(m, { start_url: '/go/', id: '/', scope: '/' }), /:4:3: error: start_url: the app has no \/go\/.*add go\/index\.html/],
    ['an id that is not /', (m) => (m.id = '/app'), /error: id: it has to be "\/" \(it is "\/app"\)/],
    ['an id that start_url makes', (m) => Object.assign(m, { start_url: '/index.html' }), /:1:1: error: id: it has to be "\/" \(missing, it becomes start_url, \/index\.html\)/],
    ['a scope that is not /', (m) => (m.scope = '/sub/'), /error: scope: it has to be "\/".*it is "\/sub\/"/],
    ['no icons', (m) => delete m.icons, /:1:1: error: icons: there are none/],
    ['an icon that is not there', (m) => (m.icons[0].src = '/gone.png'), new RegExp(`:${line.src}:7: error: icons\\[0\\]: src names /gone\\.png, which is not in the app`)],
    ['an icon elsewhere', (m) => (m.icons[0].src = 'https://example.com/i.png'), /error: icons\[0\]: src is https:.*outside the app/],
    ['an icon without sizes', (m) => delete m.icons[0].sizes, /error: icons\[0\]: it has no sizes: Chrome wants them, as "sizes": "192x192"/],
    ['an icon of another size than it says', (m) => (m.icons[0].sizes = '512x512'), new RegExp(`:${line.sizes}:7: error: icons\\[0\\]: sizes says 512x512, but /icon\\.png is 192x192`)],
    ['an icon that is no picture', (m) => (m.icons[0].src = '/app.js'), /error: icons\[0\]: src names \/app\.js, which is no image, or cut short/],
    ['an icon cut short', (m) => (m.icons[0].src = '/short.png'), /error: icons\[0\]: src names \/short\.png, which is no image, or cut short/],
    ['icons that are all small', (m) => (m.icons[0] = { src: '/small.png', sizes: '96x96' }), /error: icons: none is a PNG, SVG or WebP of at least 144 pixels/],
    ['icons for no purpose', (m) => (m.icons[0].purpose = 'maskable'), /error: icons: none is a PNG.*"any" among its purposes/],
    ['an update manifest at http:', (m) => (m.update_manifest_url = 'http://example.com/u.json'), /error: update_manifest_url: it has to be an absolute https: URL/],
    ['a policy that is no list', (m) => (m.permissions_policy['direct-sockets'] = 'self'), /error: permissions_policy: direct-sockets is a list of strings/],
    ['policies that are no object', (m) => (m.permissions_policy = ['self']), /error: permissions_policy: it is an object of lists/],
  ];
  for (const [name, change, expected] of cases) {
    test(`${name} is refused`, () => expectLines(makeAppWith(change, { 'small.png': png(96), 'short.png': png(192).subarray(0, 60) }), [expected]));
  }

  test('a drawing of any size is an icon', () => expectLines(
    makeAppWith((m) => (m.icons = [{ src: '/i.svg', sizes: 'any' }]), { 'i.svg': '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"/>' }), [], 0));

  const sockets = { 'app.js': 'new UDPSocket({});\n' };
  test('sockets without the policies that they need are refused', () => expectLines(
    makeAppWith((m) => (m.permissions_policy = {}), sockets), [
      /error: permissions_policy: "cross-origin-isolated": \["self"\] is missing: UDPSocket, which the app uses, fails/,
      /error: permissions_policy: "direct-sockets": \["self"\] is missing/,
      /warning: .*"direct-sockets-private"/, /warning: .*"local-network-access"/, /warning: .*"local-network"/, /warning: .*"loopback-network"/,
    ]));
  test('a policy that allows nobody is as none', () => expectLines(makeAppWith((m) => {
    m.permissions_policy = Object.fromEntries(
      ['cross-origin-isolated', 'direct-sockets-private', 'local-network-access', 'local-network', 'loopback-network'].map((name) => [name, ['self']]));
    m.permissions_policy['direct-sockets'] = [];
  }, sockets), [/error: permissions_policy: "direct-sockets": \["self"\] is missing/]));
  test('multicast without its policy is a warning', () => expectLines(makeAppWith((m) => {
    m.permissions_policy = Object.fromEntries(['cross-origin-isolated', 'direct-sockets', 'direct-sockets-private',
      'local-network-access', 'local-network', 'loopback-network'].map((name) => [name, ['self']]));
  }, { 'app.js': 'new globalThis["UDPSocket"]({ multicastAllowAddressSharing: true });' }),
  [/warning: .*"direct-sockets-multicast".*multicastAllowAddressSharing/], 0));
  test('an app without sockets is told what isolation is for', () => expectLines(makeAppWith((m) => delete m.permissions_policy),
    [/warning: permissions_policy: "cross-origin-isolated": \["self"\] is missing: Direct Sockets/], 0));
});

describe('files', together, () => {
  test('links that lead out, nowhere or back are refused, a link inside is taken', async () => {
    const directory = makeApp();
    mkdirSync(path.join(directory, 'sub'));
    for (const [target, name] of [['/etc/hostname', 'out.txt'], ['/etc', 'etc'], ['gone', 'nowhere'], ['..', 'sub/loop'], ['app.js', 'same.js']]) {
      symlinkSync(target, path.join(directory, name));
    }
    await expectLines(directory, [
      /^etc: error: the symbolic link leads out of the directory, to \/etc: copy/, /^nowhere: error: the symbolic link leads nowhere/,
      /^out\.txt: error: the symbolic link leads out/, /^sub\/loop: error: the symbolic link leads to a directory that it is in/,
    ]);
  });
  test('names that no URL has are refused', async () => {
    const directory = makeApp({ 'a\\b': '', 'new\nline': '' });
    writeFileSync(Buffer.concat([Buffer.from(`${directory}/`), Buffer.from([0xff, 0x2e, 0x6a, 0x73])]), '');
    await expectLines(directory, [
      /^"a\\\\b": error: a backslash or a control character/, /^"new\\nline": error: a backslash or a control/, /error: the name is not UTF-8/,
    ]);
  });
  test('what is no file is refused', async () => {
    const directory = makeApp();
    execFileSync('mkfifo', [path.join(directory, 'pipe')]);
    await expectLines(directory, [/^pipe: error: it is no file/]);
  });
  test('what can’t be read is refused', async () => {
    const directory = makeApp({ 'secret.txt': '', 'closed/a.txt': '' });
    for (const name of ['secret.txt', 'closed']) chmodSync(path.join(directory, name), 0);
    await expectLines(directory, [/^closed: error: it can't be read \(EACCES/, /^secret\.txt: error: it can't be read \(EACCES/], 1, ASIDE_FROM_ROOT);
    chmodSync(path.join(directory, 'closed'), 0o700);
  });
  test('a private key among them is refused', () => expectLines(makeApp({ 'keys/k.pem': '-----BEGIN PRIVATE KEY-----\n' }),
    [/^keys\/k\.pem: error: a private key would be in every copy/]));
  test('text that is not UTF-8 is a warning', () => expectLines(makeApp({ 'latin.txt': Buffer.from('\xfc', 'latin1') }),
    [/^latin\.txt: warning: it is not UTF-8/], 0));
  test('hidden files are left out with a warning', () => expectLines(makeApp({ '.git/config': '', 'sub/.env': '' }),
    [/^\.git: warning: a hidden file is left out/, /^sub\/\.env: warning: a hidden file/], 0));
  test('an empty directory, a file and none at all: exit code 2 and one line', async () => {
    const empty = temporaryDirectory();
    for (const [name, message] of /** @type {[string, RegExp][]} */ ([
      [empty, /there is nothing in it: give the directory/], [`${empty}/gone`, /no such directory/], [process.execPath, /it is a file: give the directory/],
    ])) {
      const { code, stdout, stderr } = await iwaPack([name, '--check']);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, message);
      assert.equal(stderr.trim().split('\n').length, 1, stderr);
    }
  });
});
