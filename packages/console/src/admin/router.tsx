import type { DeadReason } from '@bongsu/protocol';
import type { QueryClient } from '@tanstack/react-query';
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
} from '@tanstack/react-router';
import type { Session } from '../api/session.js';
import type { TextPart } from '../i18n/i18n.js';
import { toReason } from '../pages/dead-letters/letter-filter.js';
import { NotFoundPage } from '../pages/not-found/not-found-page.js';
import type { ConnectionFilter } from './node-queries.js';
import { RouteProblem, ShellProblem } from './route-problem.js';
import { Shell } from './shell.js';

export interface RouterContext {
  session: Session;
  queryClient: QueryClient;
  addTexts(part: TextPart): Promise<void>;
}

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

const root = createRootRouteWithContext<RouterContext>()({
  errorComponent: RouteProblem,
});

/** Everything behind it needs a signed-in user. */
const signedIn = createRoute({
  getParentRoute: () => root,
  id: 'signed-in',
  component: Shell,
  errorComponent: ShellProblem,
  beforeLoad: async ({ context, location }) => {
    if (await context.session.restore()) return;
    throw redirect({ to: '/sign-in', search: { next: location.href } });
  },
});

/** Pages for those who are not signed in; others go on to where they wanted. */
const signedOut = createRoute({
  getParentRoute: () => root,
  id: 'signed-out',
  validateSearch: (search): { next?: string } => {
    const next = text(search.next);
    // Only our own paths: a link to the sign-in page must not send people elsewhere.
    return next && /^\/(?![/\\])/.test(next) ? { next } : {};
  },
  beforeLoad: async ({ context, search }) => {
    if (await context.session.restore()) throw redirect({ href: search.next ?? '/screens' });
  },
});

const home = createRoute({
  getParentRoute: () => root,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/screens' });
  },
});

const signIn = createRoute({
  getParentRoute: () => signedOut,
  path: '/sign-in',
  component: lazyRouteComponent(() => import('../pages/sign-in/sign-in-page.js'), 'SignInPage'),
});
const signUp = createRoute({
  getParentRoute: () => signedOut,
  path: '/sign-up',
  component: lazyRouteComponent(() => import('../pages/sign-up/sign-up-page.js'), 'SignUpPage'),
});
const forgot = createRoute({
  getParentRoute: () => signedOut,
  path: '/forgot',
  component: lazyRouteComponent(() => import('../pages/forgot/forgot-page.js'), 'ForgotPage'),
});
// Links of mails, whoever is signed in here meanwhile.
const reset = createRoute({
  getParentRoute: () => root,
  path: '/reset',
  component: lazyRouteComponent(() => import('../pages/reset/reset-page.js'), 'ResetPage'),
});
const verify = createRoute({
  getParentRoute: () => root,
  path: '/verify',
  component: lazyRouteComponent(() => import('../pages/verify/verify-page.js'), 'VerifyPage'),
});
const setup = createRoute({
  getParentRoute: () => root,
  path: '/setup',
  component: lazyRouteComponent(() => import('../pages/setup/setup-page.js'), 'SetupPage'),
});
const screens = createRoute({
  getParentRoute: () => signedIn,
  path: '/screens',
  component: lazyRouteComponent(() => import('../pages/screens/screens-page.js'), 'ScreensPage'),
});
const screenDetail = createRoute({
  getParentRoute: () => signedIn,
  path: '/screens/$screenId',
  component: lazyRouteComponent(
    () => import('../pages/screen-detail/screen-detail-page.js'),
    'ScreenDetailPage',
  ),
});
const rooms = createRoute({
  getParentRoute: () => signedIn,
  path: '/rooms',
  loader: ({ context }) => context.addTexts('rooms'),
  component: lazyRouteComponent(() => import('../pages/rooms/rooms-page.js'), 'RoomsPage'),
});
const roomDetail = createRoute({
  getParentRoute: () => signedIn,
  path: '/rooms/$roomId',
  loader: ({ context }) => context.addTexts('rooms'),
  component: lazyRouteComponent(() => import('../pages/room-detail/room-detail-page.js'), 'RoomDetailPage'),
});
const call = createRoute({
  getParentRoute: () => signedIn,
  path: '/rooms/$roomId/call',
  loader: ({ context }) => context.addTexts('rooms'),
  component: lazyRouteComponent(() => import('../pages/call/call-page.js'), 'CallPage'),
});
const tryIt = createRoute({
  getParentRoute: () => signedIn,
  path: '/try',
  validateSearch: (search): { screen?: string } => {
    const screen = text(search.screen);
    return screen ? { screen } : {};
  },
  component: lazyRouteComponent(() => import('../pages/try-it/try-it-page.js'), 'TryItPage'),
});
const commands = createRoute({
  getParentRoute: () => signedIn,
  path: '/commands',
  validateSearch: (search): { screen?: string } => {
    const screen = text(search.screen);
    return screen ? { screen } : {};
  },
  component: lazyRouteComponent(() => import('../pages/commands/commands-page.js'), 'CommandsPage'),
});
const commandDetail = createRoute({
  getParentRoute: () => signedIn,
  path: '/commands/$commandId',
  validateSearch: (search): { sender?: string } => {
    const sender = text(search.sender);
    return sender ? { sender } : {};
  },
  component: lazyRouteComponent(
    () => import('../pages/command-detail/command-detail-page.js'),
    'CommandDetailPage',
  ),
});
interface LettersSearch {
  screen?: string;
  reason?: DeadReason;
  requeued?: boolean;
  /** The command whose one letter is shown, and who sent it. */
  letter?: string;
  sender?: string;
}

const deadLetters = createRoute({
  getParentRoute: () => signedIn,
  path: '/dead-letters',
  validateSearch: (search): LettersSearch => {
    const screen = text(search.screen);
    const reason = toReason(search.reason);
    const letter = text(search.letter);
    const sender = text(search.sender);
    return {
      ...(screen ? { screen } : {}),
      ...(reason ? { reason } : {}),
      ...(search.requeued === true ? { requeued: true } : {}),
      ...(letter ? { letter } : {}),
      ...(sender ? { sender } : {}),
    };
  },
  component: lazyRouteComponent(
    () => import('../pages/dead-letters/dead-letters-page.js'),
    'DeadLettersPage',
  ),
});
const profile = createRoute({
  getParentRoute: () => signedIn,
  path: '/profile',
  component: lazyRouteComponent(() => import('../pages/profile/profile-page.js'), 'ProfilePage'),
});
const apiKeys = createRoute({
  getParentRoute: () => signedIn,
  path: '/api-keys',
  component: lazyRouteComponent(() => import('../pages/api-keys/api-keys-page.js'), 'ApiKeysPage'),
});
const users = createRoute({
  getParentRoute: () => signedIn,
  path: '/users',
  component: lazyRouteComponent(() => import('../pages/users/users-page.js'), 'UsersPage'),
});
const nodes = createRoute({
  getParentRoute: () => signedIn,
  path: '/nodes',
  validateSearch: (search): ConnectionFilter => {
    const [node, user, screen] = [text(search.node), text(search.user), text(search.screen)];
    return { ...(node ? { node } : {}), ...(user ? { user } : {}), ...(screen ? { screen } : {}) };
  },
  loader: ({ context }) => context.addTexts('nodes'),
  component: lazyRouteComponent(() => import('../pages/nodes/nodes-page.js'), 'NodesPage'),
});

/** Any other address. Behind the sign-in, so that it has the navigation. */
const notFound = createRoute({ getParentRoute: () => signedIn, path: '$', component: NotFoundPage });

const routeTree = root.addChildren([
  home,
  setup,
  reset,
  verify,
  signedOut.addChildren([signIn, signUp, forgot]),
  signedIn.addChildren([
    screens,
    screenDetail,
    rooms,
    roomDetail,
    call,
    tryIt,
    commands,
    commandDetail,
    deadLetters,
    profile,
    apiKeys,
    users,
    nodes,
    notFound,
  ]),
]);

export function createAdminRouter(context: RouterContext) {
  return createRouter({ routeTree, context, defaultPreload: 'intent', scrollRestoration: true });
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof createAdminRouter>;
  }
}
