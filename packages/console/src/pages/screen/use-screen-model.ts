import { useCallback, useEffect, useReducer, useRef, useState } from 'react';
import { type RunningScreen, runScreen } from './run-screen.js';
import { learn, STARTING } from './screen-model.js';

/** Runs the screen for as long as the page is shown. */
export function useScreenModel() {
  const [model, dispatch] = useReducer(learn, STARTING);
  const [round, setRound] = useState(0);
  const running = useRef<RunningScreen>(undefined);

  // biome-ignore lint/correctness/useExhaustiveDependencies: each round is a screen of its own
  useEffect(() => {
    const started = runScreen(dispatch);
    running.current = started;
    return () => void started.close();
  }, [round]);

  const unpair = useCallback(async () => {
    await running.current?.forget();
    dispatch({ type: 'unpaired' });
    setRound((before) => before + 1);
  }, []);

  return { model, unpair: () => void unpair() };
}
