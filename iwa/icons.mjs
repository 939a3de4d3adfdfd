/**
 * Draws the app's PNG icons, which Chrome needs to install it, from iwa/app/icon.svg. Run after changing the drawing:
 *
 *     node_modules/.bin/node iwa/icons.mjs
 */
import { readFile, writeFile } from 'node:fs/promises';
import { findChromium, startChromium } from './chromium.mjs';
import { runMain } from './command.mjs';

const SIZES = [192, 512];

await runMain('icons', async () => {
  const svg = await readFile(new URL('app/icon.svg', import.meta.url), 'utf8');
  const { browser, close } = await startChromium({ executable: findChromium() });
  try {
    const page = await browser.newPage();
    for (const size of SIZES) {
      await page.setViewport({ width: size, height: size });
      await page.setContent(`<style>*{margin:0}svg{display:block;width:100vw;height:100vh}</style>${svg}`);
      const image = await page.screenshot({ type: 'png', omitBackground: true });
      await writeFile(new URL(`app/icon-${size}.png`, import.meta.url), image);
    }
  } finally {
    await close();
  }
});
