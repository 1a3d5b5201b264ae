import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { I18nextProvider } from 'react-i18next';
import { createI18n } from '../../i18n/i18n.js';
import { ScreenPage } from './screen-page.js';

/** Starts the screen page in `root`. */
export function mountScreen(root: HTMLElement): void {
  createRoot(root).render(
    <StrictMode>
      <I18nextProvider i18n={createI18n()}>
        <ScreenPage />
      </I18nextProvider>
    </StrictMode>,
  );
}
