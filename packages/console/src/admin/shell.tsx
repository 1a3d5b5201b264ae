import { Link, Outlet, useRouter, useRouterState } from '@tanstack/react-router';
import { type ReactNode, useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { BrandLink } from '../components/brand.js';
import { AccountMenu } from './account-menu.js';
import { ColorSchemeSwitch } from './color-scheme-switch.js';
import { LetterBadge } from './letter-badge.js';
import { LinkIndicator } from './link-indicator.js';
import { useServices, useUser } from './services.js';
import styles from './shell.module.css';
import { useLiveCommands } from './use-live-commands.js';
import { useLiveScreens } from './use-live-screens.js';

/** The frame of every signed-in page. */
export function Shell() {
  const { live } = useServices();
  const user = useUser();
  const router = useRouter();
  useLiveScreens();
  useLiveCommands();
  useEffect(() => live.open(), [live]);
  useEffect(() => {
    if (user === null) void router.invalidate();
  }, [user, router]);
  if (!user) return null;
  return (
    <Frame>
      <Outlet />
    </Frame>
  );
}

/** The navigation above `children`; what belongs to an account only when somebody is known to be signed in. */
export function Frame({ children }: { children: ReactNode }) {
  const { t } = useTranslation();
  const user = useUser();
  const main = useRef<HTMLElement>(null);
  const path = useRouterState({ select: (state) => state.resolvedLocation?.pathname });
  useFocusOnNavigation(main, path);
  return (
    <div className={styles.shell}>
      <a className={styles.skip} href="#main">
        {t('shell.skip')}
      </a>
      <header className={styles.header}>
        <BrandLink />
        <nav aria-label={t('shell.navigation')} className={styles.nav}>
          <Link to="/screens" className={styles.link} activeProps={{ 'data-active': true }}>
            {t('screens.title')}
          </Link>
          <Link to="/rooms" className={styles.link} activeProps={{ 'data-active': true }}>
            {t('rooms.title')}
          </Link>
          <Link to="/try" className={styles.link} activeProps={{ 'data-active': true }}>
            {t('tryIt.title')}
          </Link>
          <Link to="/commands" className={styles.link} activeProps={{ 'data-active': true }}>
            {t('commands.title')}
          </Link>
          <Link to="/dead-letters" className={styles.link} activeProps={{ 'data-active': true }}>
            {t('letters.title')}
            {user ? <LetterBadge /> : null}
          </Link>
        </nav>
        <div className={styles.tools}>
          {user ? <LinkIndicator /> : null}
          <ColorSchemeSwitch />
          {user ? <AccountMenu user={user} /> : null}
        </div>
      </header>
      <main id="main" ref={main} tabIndex={-1} className={styles.main}>
        {children}
      </main>
    </div>
  );
}

/** After a link the focus goes to the new page, as it does on a site that loads each page. */
function useFocusOnNavigation(main: React.RefObject<HTMLElement | null>, path: string | undefined): void {
  const first = useRef(true);
  useEffect(() => {
    if (path === undefined) return;
    if (!first.current) main.current?.focus({ preventScroll: true });
    first.current = false;
  }, [main, path]);
}
