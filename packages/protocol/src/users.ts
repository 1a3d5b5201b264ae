import { z } from 'zod';
import { PageQuerySchema } from './common.js';
import { EmailSchema, RoleSchema, UserSchema } from './identity.js';

/** A user as administrators see them. */
export const ManagedUserSchema = UserSchema.extend({ disabled: z.boolean(), mfa: z.boolean() }).meta({
  id: 'ManagedUser',
});
export type ManagedUser = z.infer<typeof ManagedUserSchema>;

/** `email`: the one with exactly that address. */
export const UsersQuerySchema = PageQuerySchema.extend({ email: EmailSchema.optional() });

export const ChangeUserSchema = z.object({ role: RoleSchema.optional(), disabled: z.boolean().optional() });
