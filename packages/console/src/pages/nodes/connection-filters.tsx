import { Button, NativeSelect, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { ConnectionFilter } from '../../admin/node-queries.js';
import { useServices } from '../../admin/services.js';
import type { Api } from '../../api/api.js';
import { ProblemNote } from '../../components/problem-note.js';
import { useSubmit } from '../../components/use-submit.js';
import styles from './nodes-page.module.css';
import { type Named, readName } from './read-name.js';

interface ConnectionFiltersProps {
  filter: ConnectionFilter;
  /** By name. */
  nodes: readonly string[];
  onChange(filter: ConnectionFilter): void;
}

export function ConnectionFilters({ filter, nodes, onChange }: ConnectionFiltersProps) {
  const { t } = useTranslation();
  const { node, ...rest } = filter;
  // One that is gone still filters, and must be seen to do so.
  const known = node !== undefined && !nodes.includes(node) ? [...nodes, node] : nodes;
  return (
    <search className={styles.filters}>
      <NativeSelect
        label={t('connections.node')}
        value={node ?? ''}
        onChange={({ currentTarget: { value } }) => onChange(value ? { ...rest, node: value } : rest)}
        data={[{ value: '', label: t('connections.allNodes') }, ...known]}
      />
      <FindForm onFound={(found) => onChange({ ...(node ? { node } : {}), ...found })} />
    </search>
  );
}

function FindForm({ onFound }: { onFound(found: Pick<ConnectionFilter, 'user' | 'screen'>): void }) {
  const { t } = useTranslation();
  const { api } = useServices();
  const [missed, setMissed] = useState(false);
  const submit = useSubmit(
    ({ name = '' }) => find(api, readName(name)),
    (found) => {
      setMissed(found === undefined);
      if (found) onFound(found);
    },
  );
  return (
    <form className={styles.find} onSubmit={submit.onSubmit} noValidate>
      <TextInput
        name="name"
        label={t('connections.find')}
        description={t('connections.findHint')}
        error={missed || submit.errorOf('email') ? t('connections.findFault') : null}
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
      />
      <Button type="submit" variant="default" loading={submit.pending}>
        {t('connections.findSubmit')}
      </Button>
      <ProblemNote problem={submit.problem} />
    </form>
  );
}

async function find(api: Api, named: Named | undefined) {
  if (named === undefined || 'user' in named || 'screen' in named) return named;
  const { items } = await api.listUsers({ email: named.email, limit: 1 });
  return items[0] && { user: items[0].userId };
}
