import '../styles/mantine.css';
import { BongsuError } from '@bongsu/protocol';
import { localStorageColorSchemeManager, MantineProvider, Modal } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { I18nextProvider } from 'react-i18next';
import { isAway } from '../api/problem.js';
import { createServices } from '../api/services.js';
import { addTexts, createI18n } from '../i18n/i18n.js';
import { createAdminRouter } from './router.js';
import { ServicesProvider } from './services.js';
import { StepUp } from './step-up.js';
import { theme } from './theme.js';

/** Shared with public/color-scheme.js, which reads it before the first paint. */
const colorSchemeManager = localStorageColorSchemeManager({ key: 'bongsu-color-scheme' });

/** Starts the administration in `root`. */
export function mountAdmin(root: HTMLElement): void {
  const i18n = createI18n();
  const services = createServices();
  const { session, live } = services;
  const queryClient = new QueryClient({
    defaultOptions: {
      queries: { retry: worthAnotherTry },
      // Passwords go in and keys come out of them: forgotten with the form, not minutes later.
      mutations: { gcTime: 0 },
    },
  });
  const router = createAdminRouter({ session, queryClient, addTexts: (part) => addTexts(i18n, part) });
  // Signing in or out changes what every route may show.
  let signedIn: string | undefined;
  session.subscribe(() => {
    const now = session.user?.userId;
    if (now === signedIn) return;
    signedIn = now;
    if (now) live.open();
    else live.close();
    queryClient.clear();
    void router.invalidate();
  });
  createRoot(root).render(
    <StrictMode>
      <I18nextProvider i18n={i18n}>
        <MantineProvider
          theme={theme}
          defaultColorScheme="auto"
          colorSchemeManager={colorSchemeManager}
          withCssVariables={false}
          withGlobalClasses={false}
        >
          <QueryClientProvider client={queryClient}>
            <ServicesProvider services={services}>
              <Modal.Stack>
                <RouterProvider router={router} />
                <StepUp />
              </Modal.Stack>
            </ServicesProvider>
          </QueryClientProvider>
        </MantineProvider>
      </I18nextProvider>
    </StrictMode>,
  );
}

function worthAnotherTry(failures: number, error: Error): boolean {
  // How long the server asks to wait is for the page to show and to keep.
  const mustWait = error instanceof BongsuError && error.retryAfterMs !== undefined;
  return failures < 3 && isAway(error) && !mustWait;
}
