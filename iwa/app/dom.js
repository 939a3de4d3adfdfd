/** The few lines of DOM that every part of the page needs. It knows nothing of the page's content. */

/**
 * The element of that id.
 * @template {HTMLElement} [E=HTMLElement]
 * @param {string} id
 * @returns {E}
 */
export function byId(id) {
  return /** @type {E} */ (document.getElementById(id));
}

/**
 * A new element.
 * @param {string} tag
 * @param {Record<string, string>} [attributes]
 * @param {(Node | string)[]} children strings become text
 * @returns {HTMLElement}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Milliseconds that a word such as "Copied" stays. */
const SAID_FOR = 4000;

/**
 * Copies a text, or selects it where the clipboard is refused, and says so in a live region.
 * @param {string} text @param {HTMLElement} shown where it is to be seen @param {HTMLElement} said
 */
export async function copy(text, shown, said) {
  try {
    await navigator.clipboard.writeText(text);
    said.textContent = 'Copied';
  } catch {
    getSelection()?.selectAllChildren(shown);
    said.textContent = 'Selected: copy it with the keyboard';
  }
  setTimeout(() => (said.textContent = ''), SAID_FOR);
}
