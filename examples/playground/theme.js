/** Light or dark: as the system has it, until the reader chooses. */

const KEY = 'theme';
const root = document.documentElement;
const preference = matchMedia('(prefers-color-scheme: dark)');
/** Colours of the theme that is on: asking for one costs a look at all styles of the page. */
const colours = new Map();

/**
 * @param {HTMLButtonElement} button pressed while it is dark
 * @param {() => void} onChange what is painted with colours of the page has to be painted anew
 */
export function offerTheme(button, onChange) {
  const show = () => {
    colours.clear();
    button.ariaPressed = String(isDark());
    onChange();
  };
  choose(storage()?.getItem(KEY));
  show();
  preference.addEventListener('change', show);
  button.addEventListener('click', () => {
    const theme = isDark() ? 'light' : 'dark';
    choose(theme);
    storage()?.setItem(KEY, theme);
    show();
  });
}

/**
 * A colour of the style sheet as a canvas takes it, in the theme that is on.
 *
 * @param {string} name
 */
export function colour(name) {
  if (!colours.has(name)) {
    root.style.accentColor = `var(--${name})`;
    colours.set(name, getComputedStyle(root).accentColor);
    root.style.accentColor = '';
  }
  return colours.get(name);
}

function isDark() {
  return root.dataset.theme ? root.dataset.theme === 'dark' : preference.matches;
}

function choose(theme) {
  if (theme) root.dataset.theme = theme;
}

/** Nothing where the reader forbids it. */
function storage() {
  try {
    return localStorage;
  } catch {
    return undefined;
  }
}
