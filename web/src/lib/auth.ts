/** Sign-in with Cognito's endpoints: code + PKCE, renewal by refresh token, no iframe. */
import { type User, UserManager, WebStorageStateStore } from 'oidc-client-ts';
import { ApiError } from './api';
import { isOver } from './auth-outcome';
import type { Settings } from './protocol';

/** A renewal that failed for now is tried again after this. */
const RENEWAL_RETRY_MS = 10_000;
/** Signing out waits for the server no longer than this. */
const REVOCATION_TIMEOUT_MS = 3_000;

/** What the web app knows about who is signed in. */
export interface Identity {
  name: string;
  moderator: boolean;
}

export interface AuthListener {
  /** A renewed ID token. */
  renewed(token: string): void;
  /** The session is over and could not be renewed. */
  ended(): void;
}

export class Auth {
  readonly #manager: UserManager;
  #user: User | null = null;
  #renewal: Promise<string | undefined> | undefined;
  #later: ReturnType<typeof setTimeout> | undefined;
  #ended: () => void = () => undefined;

  constructor(private readonly settings: Settings) {
    this.#manager = new UserManager({
      authority: settings.authority,
      metadata: settings.metadata,
      client_id: settings.client_id,
      scope: settings.scope,
      response_type: 'code',
      redirect_uri: appUrl(),
      userStore: new WebStorageStateStore({ store: sessionStorage }),
      stateStore: new WebStorageStateStore({ store: sessionStorage }),
      automaticSilentRenew: true,
      loadUserInfo: false,
      monitorSession: false,
    });
  }

  /**
   * Finishes a sign-in that is coming back, or resumes the one of this tab.
   * Throws with a message for people when the sign-in was refused.
   */
  async start(listener: AuthListener): Promise<Identity | undefined> {
    this.#manager.events.addUserLoaded((user) => {
      this.#user = user;
      if (user.id_token) listener.renewed(user.id_token);
    });
    this.#ended = () => listener.ended();
    this.#manager.events.addSilentRenewError((error) => {
      if (isOver(error)) listener.ended();
      else this.#renewLater();
    });
    this.#manager.events.addAccessTokenExpired(() => this.#renewOrEnd());
    this.#user = await this.#resume();
    return this.identity();
  }

  identity(): Identity | undefined {
    if (!this.#user?.id_token || this.#user.expired) return undefined;
    const claims = this.#user.profile;
    const groups = claims['cognito:groups'];
    // Users who sign in by e-mail have a random name in Cognito.
    const name = claims.email ?? claims['cognito:username'] ?? claims.sub;
    return {
      name: String(name),
      moderator: Array.isArray(groups) && groups.includes('moderators'),
    };
  }

  /** An ID token that is still good; nothing when the session is over. Throws when none can be had now. */
  async token(): Promise<string | undefined> {
    if (this.#user?.id_token && !this.#user.expired) return this.#user.id_token;
    return this.renew();
  }

  /**
   * A new ID token by the refresh token; nothing when the session is over. Throws when none can be had
   * now, which ends nothing. Callers at the same time share one request.
   */
  renew(): Promise<string | undefined> {
    this.#renewal ??= this.#renew().finally(() => {
      this.#renewal = undefined;
    });
    return this.#renewal;
  }

  async signIn(): Promise<void> {
    await this.#manager.signinRedirect({ state: location.hash });
  }

  async signOut(): Promise<void> {
    clearTimeout(this.#later);
    await this.#revoke();
    await this.#manager.removeUser();
    const address = new URL(this.settings.metadata.end_session_endpoint);
    address.searchParams.set('client_id', this.settings.client_id);
    address.searchParams.set('logout_uri', appUrl());
    location.assign(address);
  }

  async #resume(): Promise<User | null> {
    const query = new URLSearchParams(location.search);
    if (query.has('state') && (query.has('code') || query.has('error'))) {
      try {
        const user = await this.#manager.signinRedirectCallback();
        forgetCallback(typeof user.state === 'string' ? user.state : '');
        return user;
      } catch (error) {
        forgetCallback('');
        // A reload after the redirect, or the browser's back button: the code is used up,
        // but this tab may be signed in all the same.
        const user = await this.#manager.getUser();
        if (user && !user.expired) return user;
        throw new Error(`Sign-in failed: ${reason(error)}. Please try again.`, {
          cause: error,
        });
      }
    }
    const user = await this.#manager.getUser();
    if (user?.expired && user.refresh_token) {
      this.#user = user;
      await this.renew();
      return this.#user;
    }
    return user;
  }

  /** Without it, a leaked refresh token would stay valid for thirty days. */
  async #revoke(): Promise<void> {
    const late = new Promise<void>((resolve) => setTimeout(resolve, REVOCATION_TIMEOUT_MS));
    const revoked = this.#manager.revokeTokens(['refresh_token']).catch(() => {
      console.warn('Labelcast: the refresh token could not be revoked');
    });
    await Promise.race([revoked, late]);
  }

  #renewLater(): void {
    clearTimeout(this.#later);
    this.#later = setTimeout(() => this.#renewOrEnd(), RENEWAL_RETRY_MS);
  }

  #renewOrEnd(): void {
    this.renew().then(
      (token) => {
        if (token === undefined) this.#ended();
      },
      () => this.#renewLater(),
    );
  }

  async #renew(): Promise<string | undefined> {
    if (!this.#user?.refresh_token) return undefined;
    try {
      this.#user = await this.#manager.signinSilent();
      return this.#user?.id_token;
    } catch (error) {
      if (isOver(error)) return undefined;
      throw new ApiError(0, 'unavailable', "Your session couldn't be renewed. Please try again.");
    }
  }
}

/** The web app's own URL, without query and hash: what sign-in and sign-out come back to. */
function appUrl(): string {
  return new URL('./', location.href).href;
}

function forgetCallback(hash: string): void {
  history.replaceState(null, '', appUrl() + (hash.startsWith('#') ? hash : ''));
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message.replace(/\.$/, '') : 'unexpected response';
}
