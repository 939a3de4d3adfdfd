/** What the API's browser tests share: an app whose page has the API, and the programs it runs. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { findChromium } from '../../../iwa/chromium.mjs';
import { launchIsolatedApp } from '../../../iwa/isolated-app.mjs';

export const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));
const APP = fileURLToPath(new URL('app/', import.meta.url));

/** @type {string[]} */
const directories = [];
test.after(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
});

export function temporaryDirectory() {
  const directory = mkdtempSync(path.join(tmpdir(), 'socket-iwa-api-'));
  directories.push(directory);
  return directory;
}

/** Why there is no browser, or false. @type {string | false} */
export const withoutChromium = (() => {
  try {
    findChromium();
    return false;
  } catch (error) {
    return /** @type {Error} */ (error).message;
  }
})();

/** What the pages under test import, at the places where it imports each other. */
export const LIBRARIES = {
  '/api/': path.join(REPOSITORY, 'api'),
  '/emscripten-lib/src/': path.join(REPOSITORY, 'emscripten-lib', 'src'),
  '/app/': path.join(REPOSITORY, 'iwa', 'app'),
};

/**
 * The app's directory.
 * @param {string[]} without policies
 */
export function appWithout(...without) {
  const directory = temporaryDirectory();
  cpSync(APP, directory, { recursive: true });
  for (const file of ['page.js', 'worker.js']) {
    const name = path.join(directory, file);
    writeFileSync(name, readFileSync(name, 'utf8').replace('../../../index.js', '/api/index.js'));
  }
  cpSync(path.join(REPOSITORY, 'iwa', 'runner', '.well-known'), path.join(directory, '.well-known'), { recursive: true });
  const file = path.join(directory, '.well-known', 'manifest.webmanifest');
  const manifest = JSON.parse(readFileSync(file, 'utf8'));
  for (const policy of without) delete manifest.permissions_policy[policy];
  writeFileSync(file, JSON.stringify(manifest));
  return directory;
}

/**
 * @param {Partial<Parameters<typeof launchIsolatedApp>[0]>} [options]
 * @returns the app, with its page's `under` there
 */
export async function launchApp({ mounts, ...options } = {}) {
  const app = await launchIsolatedApp({ directory: appWithout(), ...options, mounts: { ...LIBRARIES, ...mounts } });
  await app.page.waitForFunction(() => 'under' in globalThis);
  return app;
}

/** Why programs cannot be compiled, or false. @returns {string | false} */
export function withoutToolchain() {
  try {
    execFileSync(path.join(REPOSITORY, 'docker', 'build.sh'), ['--which'], { stdio: 'pipe' });
    return false;
  } catch (error) {
    return `no toolchain to compile the programs with: ${/** @type {{stderr?: Buffer}} */ (error).stderr}`;
  }
}

/** iwa/test/program.c, linked with the library (exits.js) and without (bare.js). @param {string} directory */
export function compilePrograms(directory) {
  cpSync(path.join(REPOSITORY, 'iwa', 'test', 'program.c'), path.join(directory, 'program.c'));
  const library = path.join(REPOSITORY, 'emscripten-lib', 'libdirectsockets.js');
  const emcc = 'emcc program.c -O1 -sJSPI -Wno-experimental -sEXIT_RUNTIME';
  const script = `${emcc} --js-library ${library} -o exits.js && ${emcc} -o bare.js`;
  execFileSync(path.join(REPOSITORY, 'docker', 'build.sh'), ['sh', '-c', script], { cwd: directory, stdio: 'pipe' });
}
