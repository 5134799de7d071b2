import { pageHash, parse, type Route } from './route';

/** The present address; `go` changes it. */
class Router {
  route = $state.raw<Route>(parse(location.hash, undefined));
  /** Whether an image was opened from here, so that closing it is one step back. */
  #opened = false;

  constructor() {
    addEventListener('hashchange', () => {
      const next = parse(location.hash, this.route);
      this.#opened = next.image !== undefined && this.route.image === undefined;
      this.route = next;
    });
  }

  go(hash: string): void {
    location.hash = hash;
    // The event comes later; whoever called finds the page there after the next tick.
    this.route = parse(location.hash, this.route);
  }

  /** Changes the address without a step in the browser's history. */
  replace(hash: string): void {
    history.replaceState(null, '', hash);
    this.route = parse(hash, this.route);
  }

  /** Reads the address again after something else changed it, as sign-in does. */
  read(): void {
    this.route = parse(location.hash, undefined);
  }

  closeImage(): void {
    if (this.#opened) history.back();
    else this.replace(pageHash(this.route));
  }
}

export const router = new Router();
