type Choice = 'light' | 'dark';

/** `public/theme.js` reads this key before the first paint. */
const KEY = 'labelcast.theme';

const system = matchMedia('(prefers-color-scheme: dark)');

/** Light or dark: the system's preference until the user chooses. */
class Theme {
  #chosen = $state<string | undefined>(document.documentElement.dataset.theme);
  #system = $state<Choice>(system.matches ? 'dark' : 'light');
  readonly dark = $derived((this.#chosen ?? this.#system) === 'dark');

  constructor() {
    system.addEventListener('change', ({ matches }) => {
      this.#system = matches ? 'dark' : 'light';
    });
  }

  toggle(): void {
    const choice: Choice = this.dark ? 'light' : 'dark';
    this.#chosen = choice;
    document.documentElement.dataset.theme = choice;
    try {
      localStorage.setItem(KEY, choice);
    } catch {
      // Storage is switched off: the choice holds until the tab is closed.
    }
  }
}

export const theme = new Theme();
