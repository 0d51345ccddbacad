-- An address as '4:' or '6:' and its bits, so that a range is a prefix. IPv6: '::' stands for as many zero groups as are
-- missing of eight.
create or replace temp macro address_bits(ip) as
case
    when contains(ip, ':') then '6:' || array_to_string(
        list_transform(
            str_split(
                case
                    when contains(ip, '::') then
                        case when starts_with(ip, '::') then '0' else split_part(ip, '::', 1) end
                        || repeat(
                            ':0',
                            8 - len(str_split(case when starts_with(ip, '::') then '0' else split_part(ip, '::', 1) end, ':'))
                            - len(str_split(case when ends_with(ip, '::') then '0' else split_part(ip, '::', 2) end, ':'))
                        )
                        || ':' || case when ends_with(ip, '::') then '0' else split_part(ip, '::', 2) end
                    else ip
                end,
                ':'
            ),
            lambda part: right(repeat('0', 16) || bin(try_cast('0x' || part as bigint)), 16)
        ),
        ''
    )
    else '4:' || array_to_string(
        list_transform(str_split(ip, '.'), lambda part: right(repeat('0', 8) || bin(try_cast(part as bigint)), 8)),
        ''
    )
end;

-- 10.0.0.1:443 or [2001:db8::1]:443: without the brackets nobody can tell where the address ends.
create or replace temp macro address_and_port(ip, port) as
case when contains(ip, ':') then '[' || ip || ']' else ip end || ':' || port;
