import { describeEachDatabase } from '../../../test/support/databases.js';
import { databaseContract } from './database.contract.js';

describeEachDatabase('database contract', (open) => databaseContract(open));
