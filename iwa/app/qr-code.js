/** A QR code as an SVG element. Always dark on white with a quiet zone, which is what cameras expect. */
import { encode } from 'uqr';

const SVG = 'http://www.w3.org/2000/svg';
/** Modules of margin on each side (ISO/IEC 18004 asks for four). */
const QUIET = 4;

/**
 * @param {string} text
 * @returns {SVGSVGElement}
 */
export function qrCode(text) {
  const { data, size } = encode(text, { ecc: 'M', border: QUIET });
  const svg = /** @type {SVGSVGElement} */ (document.createElementNS(SVG, 'svg'));
  svg.setAttribute('viewBox', `0 0 ${size} ${size}`);
  svg.setAttribute('shape-rendering', 'crispEdges');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', `QR code: ${text}`);
  const path = document.createElementNS(SVG, 'path');
  const modules = data.flatMap((row, y) => row.flatMap((dark, x) => (dark ? [`M${x} ${y}h1v1h-1z`] : [])));
  path.setAttribute('d', modules.join(''));
  const background = document.createElementNS(SVG, 'rect');
  background.setAttribute('width', '100%');
  background.setAttribute('height', '100%');
  background.setAttribute('fill', '#fff');
  path.setAttribute('fill', '#000');
  svg.append(background, path);
  return svg;
}
