/**
 * The icons of a manifest: Chrome installs no app with an icon that is missing or no image, nor one without an icon of
 * at least 144 pixels in PNG, SVG or WebP for any purpose (seen with Chromium 150).
 */
import { imageSize } from 'image-size';
import { problem } from './problem.mjs';
import { MANIFEST } from './manifest-check.mjs';
import { resolveReference } from './resource-path.mjs';

const LEAST = 144;
const FORMATS = ['png', 'svg', 'webp'];

/**
 * @param {import('./manifest-check.mjs').Manifest} manifest
 * @param {import('./problem.mjs').Resources} resources
 * @returns {import('./problem.mjs').Problem[]}
 */
export function checkIcons({ fields, file, at }, resources) {
  const { icons } = fields;
  if (!Array.isArray(icons) || icons.length === 0) {
    const message = `icons: there are none: add a PNG of at least ${LEAST} pixels, as ` +
      '"icons": [{"src": "/icon.png", "sizes": "192x192", "type": "image/png"}]';
    return [problem('error', 'manifest-icons', file, message, at(['icons']))];
  }
  /** @type {import('./problem.mjs').Problem[]} */
  const problems = [];
  let suitable = false;
  icons.forEach((icon, index) => {
    const found = icon !== null && typeof icon === 'object'
      ? checkIcon(icon, resources) : 'it is not an object with a src';
    if (typeof found === 'string') {
      const field = ['src', 'sizes'].find((name) => icon?.[name] !== undefined && found.startsWith(`${name} `));
      const place = at(field ? ['icons', index, field] : ['icons', index]);
      problems.push(problem('error', 'manifest-icon', file, `icons[${index}]: ${found}`, place));
    } else {
      suitable ||= found;
    }
  });
  if (!suitable && problems.length === 0) {
    const message =
      `icons: none is a PNG, SVG or WebP of at least ${LEAST} pixels with "any" among its purposes: add one`;
    problems.push(problem('error', 'manifest-icons', file, message, at(['icons'])));
  }
  return problems;
}

/**
 * @param {Record<string, unknown>} icon
 * @param {import('./problem.mjs').Resources} resources
 * @returns {string | boolean} what is wrong with it, or whether it is large enough for all that Chrome needs
 */
function checkIcon({ src, sizes, purpose = 'any' }, resources) {
  if (typeof src !== 'string') return 'it has no src: name the file';
  const target = resolveReference(src, MANIFEST);
  const resource = target && 'path' in target ? resources.get(target.path) : undefined;
  if (target && 'url' in target) return `src is ${src}, outside the app: put the file in`;
  if (!resource) return `src names ${src}, which is not in the app: add the file, or correct the name`;
  const size = sizeOf(resource.bytes);
  if (!size) return `src names ${src}, which is no image, or cut short: replace the file`;

  const stated = typeof sizes === 'string' ? sizes.toLowerCase().split(/\s+/).filter(Boolean) : [];
  const real = `${size.width}x${size.height}`;
  if (stated.length === 0) {
    return `it has no sizes: Chrome wants them, as "sizes": "${size.type === 'svg' ? 'any' : real}"`;
  }
  const wrong = stated.find((text) => text !== 'any' && !/^[1-9]\d*x[1-9]\d*$/.test(text));
  if (wrong) return `sizes is written WIDTHxHEIGHT or "any", not ${wrong}`;
  // An .ico holds several images; a drawing has every size.
  if (size.type !== 'svg' && !size.all.some((one) => stated.includes(one)) && !stated.includes('any')) {
    return `sizes says ${stated.join(' ')}, but ${src} is ${real}: correct the one or the other`;
  }
  const large = stated.some((text) => text === 'any' || text.split('x').every((side) => Number(side) >= LEAST));
  return large && FORMATS.includes(size.type) && String(purpose).split(/\s+/).includes('any');
}

/** @param {Uint8Array} bytes @returns {{width: number, height: number, type: string, all: string[]} | null} */
function sizeOf(bytes) {
  try {
    const { width, height, type = '', images } = imageSize(bytes);
    if (isCutShort(bytes, type)) return null;
    const all = (images ?? [{ width, height }]).map((one) => `${one.width}x${one.height}`);
    return { width, height, type, all };
  } catch {
    return null;
  }
}

/** image-size reads the beginning of a file alone. @param {Uint8Array} bytes @param {string} type */
function isCutShort(bytes, type) {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (type === 'png') return buffer.toString('latin1', buffer.length - 8, buffer.length - 4) !== 'IEND';
  return type === 'webp' && buffer.readUInt32LE(4) + 8 > buffer.length; // RIFF's length
}
