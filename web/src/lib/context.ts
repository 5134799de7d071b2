import { createContext } from 'svelte';
import type { Session } from './session.svelte';

/** The session of whoever is signed in; set once, above everything that needs it. */
export const [getSession, setSession] = createContext<Session>();
