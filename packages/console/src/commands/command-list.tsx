import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { PagedList } from '../admin/paged-list.js';
import { useCommands } from '../admin/queries.js';
import { CommandRow } from './command-row.js';

/** Commands newest first: of one screen, or of all. */
export function CommandList({ screenId, empty }: { screenId: string | undefined; empty: ReactNode }) {
  const { t } = useTranslation();
  const commands = useCommands(screenId);
  return (
    <PagedList query={commands} empty={empty} label={t('commands.title')}>
      {(items) =>
        items.map((item) => (
          <CommandRow
            key={`${item.from.userId}:${item.id}`}
            command={item}
            ofScreen={screenId !== undefined}
          />
        ))
      }
    </PagedList>
  );
}
