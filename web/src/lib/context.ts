import { createContext } from 'svelte';
import type { Session } from './session.svelte';

/** The signed-in user's session; set once, above everything that needs it. */
export const [getSession, setSession] = createContext<Session>();
